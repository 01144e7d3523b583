//! What the steps of all processes work with.

use std::sync::{Arc, OnceLock};

use canonical_model::{Failure, Result};
use persistence::Database;
use process_client::ControlClient;
use process_engine::{Circuits, Engine};
use tokio::sync::Notify;

use crate::settings::{Billing, Posting, Routing};
use crate::systems::Systems;

/// Shared by every step.
#[derive(Clone)]
pub struct Services {
    /// The ERP and the PSA.
    pub systems: Systems,
    /// Cross-references and mappings.
    pub control: ControlClient,
    /// Which connection serves which part of the firm.
    pub routing: Routing,
    /// How work gets into the books.
    pub posting: Posting,
    /// When what is charged.
    pub billing: Billing,
    /// What keeps systems that are down from being called.
    pub circuits: Circuits,
    /// This API's own database.
    pub db: Database,
    /// Told when lines begin to wait.
    pub waiting: Arc<Notify>,
    /// The engine that these steps run in, for steps that start others.
    pub engine: Arc<OnceLock<Engine<Services>>>,
}

impl Services {
    /// The engine.
    ///
    /// # Errors
    /// Transient `engine_starting` in the moment before it is set.
    pub fn engine(&self) -> Result<&Engine<Services>> {
        let starting = || Failure::transient("engine_starting", "the engine is being started");
        self.engine.get().ok_or_else(starting)
    }

    /// The ERP connection that keeps the books of a legal entity (canonical code), such as `erp/main`.
    #[must_use]
    pub fn erp_of(&self, legal_entity: &str) -> String {
        let name = self.routing.erp_by_legal_entity.get(legal_entity);
        format!("erp/{}", name.unwrap_or(&self.routing.erp))
    }
}
