//! What handlers share.

use std::sync::Arc;

use canonical_model::SourceKind;
use persistence::Database;
use process_engine::Engine;
use tokio::sync::Notify;

use crate::services::Services;

/// Tables of this API, besides those of the engine.
pub use crate::store::MIGRATIONS;

/// The time-to-invoice API at work.
#[derive(Clone)]
pub struct TimeToInvoice {
    /// Its database.
    pub db: Database,
    /// Its engine.
    pub engine: Engine<Services>,
    /// The connection whose work is taken in, such as `psa/main`.
    pub psa: String,
    /// What wakes the followers of the PSA's feeds.
    pub feeds: Feeds,
}

/// What wakes the followers of the PSA's feeds.
#[derive(Debug, Clone)]
pub struct Feeds {
    /// Of time entries.
    pub time_entries: Arc<Notify>,
    /// Of expenses.
    pub expenses: Arc<Notify>,
    /// Of milestones.
    pub milestones: Arc<Notify>,
}

impl Feeds {
    /// The feed that tells of changes of a kind of work.
    #[must_use]
    pub fn of(&self, kind: SourceKind) -> &Notify {
        match kind {
            SourceKind::TimeEntry => &self.time_entries,
            SourceKind::Expense => &self.expenses,
            SourceKind::Milestone | SourceKind::BillingEvent => &self.milestones,
        }
    }
}
