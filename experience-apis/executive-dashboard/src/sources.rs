//! Where the dashboard comes from: one reading of insight and control.

use canonical_model::{ExceptionGroup, Kpi, ProjectStanding, Result};
use chrono::NaiveDate;
use process_client::{ControlClient, InsightClient, InvoiceQuery, Window};

use crate::settings::Settings;
use crate::view::{Choices, Dashboard};

/// Records that are asked for at once.
const PAGE: u32 = 500;

/// What a reader looks at. Readers of the same selection share one reading.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Selection {
    /// First day; absent = as insight has it.
    pub(crate) from: Option<NaiveDate>,
    /// Last day; absent = today.
    pub(crate) to: Option<NaiveDate>,
    /// Only this legal entity.
    pub(crate) legal_entity: Option<String>,
    /// Only this region.
    pub(crate) region: Option<String>,
    /// With what work costs and earns.
    pub(crate) with_cost: bool,
}

impl Selection {
    fn window(&self) -> Window {
        Window {
            from: self.from,
            to: self.to,
            legal_entity: self.legal_entity.clone(),
            region: self.region.clone(),
        }
    }

    fn takes(&self, project: &ProjectStanding) -> bool {
        let entity = self.legal_entity.as_ref();
        let region = self.region.as_ref();
        entity.is_none_or(|e| *e == project.scope.legal_entity)
            && region.is_none_or(|r| project.scope.region.as_ref() == Some(r))
    }
}

/// The APIs behind the dashboard. There are two clients of insight, because a token that may see cost is never used for a
/// reader who may not: what such a reader gets was never here.
#[derive(Clone)]
pub(crate) struct Sources {
    plain: InsightClient,
    with_cost: InsightClient,
    control: ControlClient,
}

impl Sources {
    /// Clients of the APIs that the settings name.
    ///
    /// # Errors
    /// The secret is not there, or an address cannot be used.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let insight = |scope| {
            let authorizer = settings.identity.authorizer("insight-process-api", scope)?;
            InsightClient::new(&settings.processes.insight, authorizer)
        };
        let control = settings
            .identity
            .authorizer("control-process-api", "exceptions:read")?;
        Ok(Self {
            plain: insight("insight:read")?,
            with_cost: insight("insight:read costs:read")?,
            control: ControlClient::new(&settings.processes.control, control)?,
        })
    }

    /// The dashboard as it is now.
    ///
    /// # Errors
    /// An API behind does not answer, or refuses the window.
    pub(crate) async fn read(&self, selection: &Selection) -> Result<Dashboard> {
        let insight = if selection.with_cost {
            &self.with_cost
        } else {
            &self.plain
        };
        let window = selection.window();
        let (kpis, projects, groups): (Vec<Kpi>, Vec<ProjectStanding>, Vec<ExceptionGroup>) = futures_util::try_join!(
            insight.kpis(&window),
            all_projects(insight),
            self.control.desk().exception_groups(),
        )?;
        let choices = Choices::of(&projects);
        let projects: Vec<_> = projects.into_iter().filter(|p| selection.takes(p)).collect();
        Ok(Dashboard::of(&kpis, &projects, &groups, choices))
    }
}

async fn all_projects(insight: &InsightClient) -> Result<Vec<ProjectStanding>> {
    let mut query = InvoiceQuery {
        limit: Some(PAGE),
        ..InvoiceQuery::default()
    };
    let mut projects = Vec::new();
    loop {
        let page = insight.projects(&query).await?;
        projects.extend(page.items);
        if page.next_cursor.is_none() {
            return Ok(projects);
        }
        query.cursor = page.next_cursor;
    }
}
