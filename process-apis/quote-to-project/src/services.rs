//! What the steps of all processes of this API work with.

use std::sync::{Arc, OnceLock};

use canonical_model::{Failure, Ownership, Result};
use persistence::Database;
use process_client::ControlClient;
use process_engine::{Circuits, Engine};

use crate::settings::{DealSettings, Routing, TermSettings};
use crate::systems::System;

/// Shared by every step.
#[derive(Clone)]
pub struct Services {
    /// Where deals are made.
    pub crm: System,
    /// Where the books are kept, unless [`Routing::erp_by_legal_entity`] says otherwise.
    pub erp: System,
    /// Where work is planned and done.
    pub psa: System,
    /// Golden accounts, cross-references, mappings.
    pub control: ControlClient,
    /// Which connection serves which part of the firm.
    pub routing: Routing,
    /// Which kind of system owns which field.
    pub ownership: Ownership,
    /// Which deals are taken up.
    pub deals: DealSettings,
    /// What holds for every contract of the firm.
    pub terms: TermSettings,
    /// What keeps systems that are down from being called.
    pub circuits: Circuits,
    /// This API's own database.
    pub db: Database,
    /// The engine that runs the steps: set once it is started.
    pub engine: Arc<OnceLock<Engine<Services>>>,
}

impl Services {
    /// The ERP connection that keeps the books of a legal entity (canonical code).
    #[must_use]
    pub fn erp_of(&self, legal_entity: &str) -> System {
        match self.routing.erp_by_legal_entity.get(legal_entity) {
            Some(name) => self.erp.named(name),
            None => self.erp.clone(),
        }
    }

    /// The engine, for steps that start other work.
    ///
    /// # Errors
    /// Transient `engine_starting` in the moment before it is set.
    pub fn engine(&self) -> Result<&Engine<Services>> {
        self.engine
            .get()
            .ok_or_else(|| Failure::transient("engine_starting", "the engine is just being started"))
    }
}
