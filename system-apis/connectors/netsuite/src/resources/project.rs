//! Projects.

use async_trait::async_trait;
use canonical_model::{FindBy, Project, Result, Write, Written};
use system_ports::{Filter, Idempotency};

use super::{Noun, Shared, Table, Writing, plain, unknown_state, writes};
use crate::directory::Lookups;
use crate::mapping::project::{to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Projects.
    Projects
);

#[async_trait]
impl Noun for Projects {
    type Record = Project;
    type Extra = ();
    const OBJECT: &'static str = "job";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![(Filter::Account, "parent"), (Filter::State, "entitystatus")];
        Table {
            name: "job",
            condition: None,
            columns: None,
            filters,
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Code, FindBy::Name]
    }

    fn condition(&self, by: FindBy) -> Option<String> {
        match by {
            FindBy::Code => Some("entityid = ?".to_owned()),
            FindBy::Name => Some("LOWER(companyname) = LOWER(?)".to_owned()),
            _ => None,
        }
    }

    fn states(&self, word: &str) -> Result<Vec<String>> {
        let project = &self.0.settings.project;
        match word {
            "planned" => Ok(project.planned.clone()),
            "active" => Ok(project.active.clone()),
            "closed" => Ok(project.closed.clone()),
            _ => Err(unknown_state(word)),
        }
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::ExternalIdUpsert,
            bulk_size: 1,
        })
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Project)>> {
        Ok(vec![(None, to_canonical(record, lookups, &self.0.settings)?)])
    }

    async fn write_one(&self, write: &Write<Project>) -> Result<Written> {
        let existing = writes::existing(&self.0, Self::OBJECT, write).await?;
        let currency = self
            .0
            .directory
            .currency_id(&self.0.client, write.record.currency)
            .await?;
        let body = to_netsuite(&write.record, existing.as_ref(), &currency, &self.0.settings)?;
        let written = writes::put(&self.0, Self::OBJECT, write, existing.is_some(), &[], &body).await?;
        Ok(Written {
            code: Some(write.record.code.clone()),
            ..written
        })
    }
}
