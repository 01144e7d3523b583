//! What handlers share.

use std::collections::BTreeMap;
use std::sync::Arc;

use audit_log::SigningKey;
use canonical_model::Ownership;
use persistence::{Database, Migration};
use process_client::ProcessClient;

use crate::reconciliation::{self, ReconciliationSettings, Wake};
use crate::{audit, desk, golden, mappings, references};

/// Tables of this API, besides those of persistence.
pub const MIGRATIONS: [Migration; 7] = [
    audit::MIGRATION,
    audit::TREE_MIGRATION,
    references::MIGRATION,
    golden::MIGRATION,
    mappings::MIGRATION,
    desk::MIGRATION,
    reconciliation::MIGRATION,
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
    /// What signs tree heads of the audit log.
    pub(crate) audit_key: Option<Arc<SigningKey>>,
    /// How PSA, journal and ERP are compared.
    pub(crate) reconciliation: Arc<ReconciliationSettings>,
    /// What wakes those who compare.
    pub(crate) wake: Wake,
}
