//! What the steps of both processes work with.

use std::sync::Arc;

use canonical_model::{Resource, Result, SystemKind, Verb};
use persistence::Database;
use process_client::{ControlClient, InsightClient};
use process_engine::{Circuits, StepContext};
use system_client::{Remote, SystemClient};

/// A step's context.
pub type Ctx = StepContext<Services>;

/// Shared by every step.
#[derive(Clone)]
pub struct Services {
    /// Where the books are kept.
    pub erp: SystemClient,
    /// Where sales works.
    pub crm: SystemClient,
    /// What keeps systems that are down from being called.
    pub circuits: Circuits,
    /// This API's own database.
    pub database: Database,
    /// Cross-references.
    pub control: ControlClient,
    /// Margins.
    pub insight: InsightClient,
    /// Name of the CRM's connection.
    pub crm_connection: Arc<str>,
    /// See [`crate::settings::AccountSettings::wait_for_insight_s`].
    pub wait_for_insight_s: i64,
}

impl Services {
    /// A collection of an ERP connection such as `erp/main`.
    #[must_use]
    pub fn erp<T: Resource>(&self, connection: &str) -> Remote<T> {
        self.erp
            .collection(connection.split_once('/').map_or(connection, |(_, name)| name))
    }

    /// A collection of the CRM.
    #[must_use]
    pub fn crm<T: Resource>(&self) -> Remote<T> {
        self.crm.collection(&self.crm_connection)
    }

    /// Whether the CRM declares a verb for a collection.
    ///
    /// # Errors
    /// The CRM's system API does not answer.
    pub async fn crm_can<T: Resource>(&self, verb: Verb) -> Result<bool> {
        let detail = self.crm.connection(&self.crm_connection).await?;
        let mut collections = detail.capabilities.collections.into_iter();
        Ok(collections.any(|c| c.collection == T::PATH && c.support.has(verb)))
    }

    /// The CRM's connection as cross-references and messages say it, such as `crm/main`.
    #[must_use]
    pub fn crm_name(&self) -> String {
        format!("{}/{}", SystemKind::Crm.word(), self.crm_connection)
    }
}
