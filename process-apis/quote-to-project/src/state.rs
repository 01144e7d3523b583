//! What handlers share.

use persistence::{Database, Migration};
use process_engine::Engine;

use crate::allocation::store;
use crate::services::Services;

/// Tables of this API, besides those of the engine.
pub const MIGRATIONS: [Migration; 1] = [store::MIGRATION];

/// The quote-to-project API at work.
#[derive(Clone)]
pub struct QuoteToProject {
    /// Its database.
    pub db: Database,
    /// Its engine.
    pub engine: Engine<Services>,
    /// The connection whose deals are taken up, such as `crm/main`.
    pub crm: String,
}
