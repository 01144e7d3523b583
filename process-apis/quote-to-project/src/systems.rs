//! The systems of record as the steps of this crate meet them: one connection, its collections, what they can do.

use std::sync::Arc;
use std::time::Duration;

use canonical_model::{Consistency, Failure, Resource, Result, Support, SystemKind, Verb};
use moka::future::Cache;
use system_client::{Remote, SystemClient};

/// How long a connection's capabilities are believed: they change only when its system API is configured anew.
const CAPABILITIES_LIFE: Duration = Duration::from_secs(60);

/// One connection of one system API.
#[derive(Clone)]
pub struct System {
    client: Arc<SystemClient>,
    name: String,
    connection: String,
    capabilities: Cache<String, Arc<Vec<(String, Support)>>>,
}

impl System {
    /// The connection `name` of a system API.
    #[must_use]
    pub fn new(kind: SystemKind, client: Arc<SystemClient>, name: &str) -> Self {
        Self {
            client,
            name: name.to_owned(),
            connection: format!("{}/{name}", kind.word()),
            capabilities: Cache::builder()
                .max_capacity(64)
                .time_to_live(CAPABILITIES_LIFE)
                .build(),
        }
    }

    /// Kind and name, such as `erp/main`: as cross-references, mappings and messages say it.
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// Another connection of the same system API.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        let kind = self.connection.split('/').next().unwrap_or_default();
        Self {
            client: Arc::clone(&self.client),
            name: name.to_owned(),
            connection: format!("{kind}/{name}"),
            capabilities: self.capabilities.clone(),
        }
    }

    /// The connection that a text such as `erp/main` names.
    #[must_use]
    pub fn at(&self, connection: &str) -> Self {
        self.named(connection.split_once('/').map_or(connection, |(_, name)| name))
    }

    /// One of its collections.
    #[must_use]
    pub fn collection<T: Resource>(&self) -> Remote<T> {
        self.client.collection::<T>(&self.name)
    }

    /// How the target of an effect is called, such as `erp/main account`.
    #[must_use]
    pub fn target<T: Resource>(&self) -> String {
        format!("{} {}", self.connection, T::NAME)
    }

    /// Whether the connection declares a verb for a collection.
    ///
    /// # Errors
    /// The system API does not answer, or does not know the connection.
    pub async fn can<T: Resource>(&self, verb: Verb) -> Result<bool> {
        Ok(self
            .support::<T>()
            .await?
            .is_some_and(|s| s.verbs.contains(&verb)))
    }

    /// Whether not finding a record by its key proves that it is not there.
    ///
    /// # Errors
    /// See [`System::can`].
    pub async fn finds_every_write<T: Resource>(&self) -> Result<bool> {
        let support = self.support::<T>().await?;
        Ok(support.is_some_and(|s| s.consistency == Consistency::ReadAfterWrite))
    }

    /// What the connection declares for a collection; nothing where it does not have it.
    ///
    /// # Errors
    /// See [`System::can`].
    pub async fn support<T: Resource>(&self) -> Result<Option<Support>> {
        let known = self
            .capabilities
            .try_get_with(self.connection.clone(), self.fetch_capabilities())
            .await
            .map_err(|failure: Arc<Failure>| Failure::clone(&failure))?;
        Ok(known
            .iter()
            .find(|(collection, _)| collection == T::PATH)
            .map(|(_, support)| support.clone()))
    }

    async fn fetch_capabilities(&self) -> Result<Arc<Vec<(String, Support)>>> {
        let declared = self
            .client
            .connection(&self.name)
            .await?
            .capabilities
            .collections
            .into_iter();
        Ok(Arc::new(declared.map(|c| (c.collection, c.support)).collect()))
    }
}
