//! Key figures.

pub(crate) mod list;
pub(crate) mod read;

use canonical_model::{Failure, Kpi, KpiName, Result};
use chrono::{Days, NaiveDate, Utc};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::Insight;
use crate::kpi::{Window, compute};

/// Days looked at where the caller does not say.
const DAYS: u64 = 90;

/// Over which days, and of which part of the firm.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WindowQuery {
    /// First day; without it, 90 days before the last.
    from: Option<NaiveDate>,
    /// Last day; without it, today (UTC).
    to: Option<NaiveDate>,
    /// Only this legal entity (canonical code).
    #[validate(length(min = 1, max = 100))]
    #[param(min_length = 1, max_length = 100)]
    legal_entity: Option<String>,
    /// Only this region.
    #[validate(length(min = 1, max = 100))]
    #[param(min_length = 1, max_length = 100)]
    region: Option<String>,
}

impl WindowQuery {
    pub(crate) fn window(self) -> Result<Window> {
        let to = self.to.unwrap_or_else(|| Utc::now().date_naive());
        let from = self
            .from
            .or_else(|| to.checked_sub_days(Days::new(DAYS)))
            .unwrap_or(to);
        if to < from {
            return Err(Failure::business("malformed_window", "`to` is before `from`"));
        }
        Ok(Window {
            from,
            to,
            legal_entity: self.legal_entity,
            region: self.region,
        })
    }
}

/// One figure with its meaning.
pub(crate) fn figure(insight: &Insight, name: KpiName, window: &Window) -> Result<Kpi> {
    let hours = insight.posting_hours;
    let figure = insight
        .book
        .read(|pages| compute(name, &pages.facts, window, &pages.costs, hours))?;
    Ok(Kpi {
        name,
        title: name.title().to_owned(),
        definition: name.definition().to_owned(),
        unit: name.unit().to_owned(),
        from: window.from,
        to: window.to,
        figure,
    })
}
