//! The systems of record as this process meets them, with a short memory for what seldom changes.
//!
//! What is remembered is only what many lines ask for again within seconds: periods, projects, people, capabilities.
//! That something is not there is never remembered: somebody is about to mend it.

use std::sync::Arc;
use std::time::Duration;

use canonical_model::{
    Failure, FindBy, ListQuery, Period, Person, Project, RecordRef, Resource, Result, Sourced, SystemKind,
    Task,
};
use moka::future::Cache;
use system_client::{Consistency, Remote, Support, SystemClient, Verb};

/// The ERP and the PSA.
#[derive(Clone)]
pub struct Systems {
    erp: Arc<SystemClient>,
    psa: Arc<SystemClient>,
    support: Cache<String, Arc<Vec<(String, Support)>>>,
    periods: Cache<String, Arc<Vec<Period>>>,
    projects: Cache<(String, String), Arc<Sourced<Project>>>,
    people: Cache<(String, String), RecordRef>,
    tasks: Cache<(String, String), Arc<Sourced<Task>>>,
}

impl Systems {
    /// Systems whose answers are believed for so long.
    #[must_use]
    pub fn new(erp: SystemClient, psa: SystemClient, believe: Duration) -> Self {
        // Capabilities change only when a system API is configured anew.
        let support = Cache::builder()
            .max_capacity(64)
            .time_to_live(Duration::from_secs(60))
            .build();
        Self {
            erp: Arc::new(erp),
            psa: Arc::new(psa),
            support,
            periods: Cache::builder().max_capacity(64).time_to_live(believe).build(),
            projects: Cache::builder()
                .max_capacity(10_000)
                .time_to_live(believe)
                .build(),
            people: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(believe)
                .build(),
            tasks: Cache::builder()
                .max_capacity(50_000)
                .time_to_live(believe)
                .build(),
        }
    }

    /// One collection of a connection such as `erp/main`.
    ///
    /// # Errors
    /// Fault `unknown_connection` where the connection is of no kind that time-to-invoice uses.
    pub fn collection<T: Resource>(&self, connection: &str) -> Result<Remote<T>> {
        let (client, name) = self.client(connection)?;
        Ok(client.collection::<T>(name))
    }

    fn client<'a>(&self, connection: &'a str) -> Result<(&SystemClient, &'a str)> {
        match connection.split_once('/') {
            Some((kind, name)) if kind == SystemKind::Erp.word() => Ok((&self.erp, name)),
            Some((kind, name)) if kind == SystemKind::Psa.word() => Ok((&self.psa, name)),
            _ => {
                let message = format!("{connection} is no connection of an ERP or a PSA");
                Err(Failure::fault("unknown_connection", message))
            }
        }
    }

    /// What a connection declares for a collection; nothing where it does not have it.
    ///
    /// # Errors
    /// The system API does not answer, or does not know the connection.
    pub async fn support<T: Resource>(&self, connection: &str) -> Result<Option<Support>> {
        let known = self
            .support
            .try_get_with(connection.to_owned(), self.fetch_support(connection))
            .await
            .map_err(shared)?;
        let found = known.iter().find(|(collection, _)| collection == T::PATH);
        Ok(found.map(|(_, support)| support.clone()))
    }

    async fn fetch_support(&self, connection: &str) -> Result<Arc<Vec<(String, Support)>>> {
        let (client, name) = self.client(connection)?;
        let detail = client.connection(name).await?;
        Ok(Arc::new(
            detail
                .capabilities
                .collections
                .into_iter()
                .map(|c| (c.collection, c.support))
                .collect(),
        ))
    }

    /// Whether a connection declares a verb for a collection.
    ///
    /// # Errors
    /// As [`Systems::support`].
    pub async fn can<T: Resource>(&self, connection: &str, verb: Verb) -> Result<bool> {
        Ok(self.support::<T>(connection).await?.is_some_and(|s| s.has(verb)))
    }

    /// Whether not finding a record by its key proves that it is not there.
    ///
    /// # Errors
    /// As [`Systems::support`].
    pub async fn finds_every_write<T: Resource>(&self, connection: &str) -> Result<bool> {
        let support = self.support::<T>(connection).await?;
        Ok(support.is_some_and(|s| s.consistency == Consistency::ReadAfterWrite))
    }

    /// The accounting periods.
    ///
    /// # Errors
    /// The ERP does not answer.
    pub async fn periods(&self, connection: &str) -> Result<Arc<Vec<Period>>> {
        let fetch = async {
            let all = self
                .collection::<Period>(connection)?
                .list_all(&ListQuery::default())
                .await?;
            Ok(Arc::new(all.into_iter().map(|period| period.data).collect()))
        };
        self.periods
            .try_get_with(connection.to_owned(), fetch)
            .await
            .map_err(shared)
    }

    /// One project.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn project(&self, connection: &str, id: &str) -> Result<Arc<Sourced<Project>>> {
        let fetch = async { Ok(Arc::new(self.collection::<Project>(connection)?.read(id).await?)) };
        self.projects
            .try_get_with((connection.to_owned(), id.to_owned()), fetch)
            .await
            .map_err(shared)
    }

    /// One task.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn task(&self, connection: &str, id: &str) -> Result<Arc<Sourced<Task>>> {
        let fetch = async { Ok(Arc::new(self.collection::<Task>(connection)?.read(id).await?)) };
        self.tasks
            .try_get_with((connection.to_owned(), id.to_owned()), fetch)
            .await
            .map_err(shared)
    }

    /// The active person with an e-mail address, where there is one.
    ///
    /// # Errors
    /// The system does not answer.
    pub async fn person(&self, connection: &str, email: &str) -> Result<Option<RecordRef>> {
        let key = (connection.to_owned(), email.to_lowercase());
        if let Some(known) = self.people.get(&key).await {
            return Ok(Some(known));
        }
        let found = self
            .collection::<Person>(connection)?
            .find(FindBy::Email, email)
            .await?;
        let Some(person) = found.into_iter().find(|person| person.data.active) else {
            return Ok(None);
        };
        let person = RecordRef::labelled(person.id, person.data.email);
        self.people.insert(key, person.clone()).await;
        Ok(Some(person))
    }
}

fn shared(failure: Arc<Failure>) -> Failure {
    Failure::clone(&failure)
}
