//! What handlers share.

use std::collections::BTreeMap;
use std::sync::Arc;

use canonical_model::Ownership;
use persistence::{Database, Migration};
use process_client::ProcessClient;

use crate::{audit, desk, golden, mappings, references};

/// Tables of this API, besides those of persistence.
pub const MIGRATIONS: [Migration; 5] = [
    audit::MIGRATION,
    references::MIGRATION,
    golden::MIGRATION,
    mappings::MIGRATION,
    desk::MIGRATION,
];

/// The control API at work.
#[derive(Clone)]
pub struct Control {
    /// Its database.
    pub database: Database,
    /// The process APIs by name, such as `time-to-invoice`.
    pub processes: Arc<BTreeMap<&'static str, ProcessClient>>,
    /// Who owns which field.
    pub ownership: Arc<Ownership>,
}
