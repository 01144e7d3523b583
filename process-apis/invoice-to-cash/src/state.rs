//! What handlers share.

use std::sync::Arc;

use persistence::Database;
use process_engine::Engine;

use crate::services::Services;

/// The invoice-to-cash API at work.
#[derive(Clone)]
pub struct InvoiceToCash {
    /// Its database.
    pub database: Database,
    /// Its processes.
    pub engine: Engine<Services>,
    /// ERP connections that are followed, such as `erp/main`.
    pub erps: Arc<[String]>,
}
