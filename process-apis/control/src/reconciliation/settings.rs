//! How and when the sides are compared.

use serde::Deserialize;
use validator::Validate;

/// How and when PSA, journal and ERP are compared.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct ReconciliationSettings {
    /// The connection of the PSA whose approved work is posted.
    #[validate(length(min = 1, max = 100))]
    pub psa: String,
    /// The connections of the ERPs that it is posted to.
    #[validate(length(min = 1, max = 50))]
    pub erp: Vec<String>,
    /// Hours between two comparisons by timer; 0 = none.
    #[validate(range(max = 8760))]
    pub interval_hours: u32,
    /// Days back, from today, that the timer compares.
    #[validate(range(min = 1, max = 400))]
    pub days: u32,
    /// Days of work before a gap in a feed that are compared with it: what changed in the gap can be of older days.
    #[validate(range(min = 1, max = 400))]
    pub gap_days: u32,
    /// Hours until a difference shall be resolved.
    #[validate(range(min = 1, max = 720))]
    pub sla_hours: u32,
    /// Seconds that what is on its way is given to arrive, before what seems to differ is read once more.
    #[validate(range(max = 50))]
    pub settle_s: u32,
    /// Records asked for at once.
    #[validate(range(min = 1, max = 1000))]
    pub page: u32,
    /// Pause between two looks for what is due, in milliseconds.
    #[validate(range(min = 20, max = 600_000))]
    pub interval_ms: u64,
}
