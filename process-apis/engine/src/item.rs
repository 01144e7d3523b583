//! What a process works with when a person has decided about one of its items.

use std::sync::Arc;

use canonical_model::{CanonicalId, ExceptionRecord, Fact, Result};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use persistence::Tx;
use serde::Serialize;

use crate::core::Core;
use crate::pending::Pending;

/// What a process works with when a person has decided about one of its items.
pub struct ItemContext<Sv> {
    pub(crate) core: Arc<Core>,
    pub(crate) services: Arc<Sv>,
    pub(crate) exception: ExceptionRecord,
    pub(crate) actor: String,
    pub(crate) decided_at: DateTime<Utc>,
    pub(crate) pending: Pending,
}

impl<Sv: Send + Sync + 'static> ItemContext<Sv> {
    /// What the process API gave to its engine.
    #[must_use]
    pub fn services(&self) -> &Sv {
        &self.services
    }

    /// The instance that raised the item.
    #[must_use]
    pub fn instance_id(&self) -> CanonicalId {
        self.exception.instance_id
    }

    /// The exception.
    #[must_use]
    pub fn exception(&self) -> &ExceptionRecord {
        &self.exception
    }

    /// Correlates with logs, traces and vendor writes.
    #[must_use]
    pub fn correlation_id(&self) -> &str {
        &self.exception.correlation_id
    }

    /// Who decided.
    #[must_use]
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// When it was decided: the same on each try.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.decided_at
    }

    /// Tells a fact when the exception is closed.
    pub fn emit(&self, fact: Fact, subject: &str) {
        self.pending
            .tell(fact.kind(), subject, serde_json::to_value(&fact));
    }

    /// Tells an event when the exception is closed.
    pub fn emit_event(&self, kind: &str, subject: &str, data: impl Serialize) {
        self.pending.tell(kind, subject, serde_json::to_value(data));
    }

    /// Runs statements on the process's own tables in the transaction that closes the exception.
    pub fn on_commit<F>(&self, work: F)
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<()>> + Send + 'static,
    {
        self.pending.with(|leavings| leavings.hooks.push(Box::new(work)));
    }

    /// Reads the database.
    ///
    /// # Errors
    /// The failure of `work`.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.core.db.read(work).await
    }
}

/// What a process works with when a person has decided about many of its items at once: a page of those of one cause.
pub struct GroupContext<Sv> {
    pub(crate) services: Arc<Sv>,
    pub(crate) decided_at: DateTime<Utc>,
    pub(crate) pending: Pending,
}

impl<Sv: Send + Sync + 'static> GroupContext<Sv> {
    /// What the process API gave to its engine.
    #[must_use]
    pub fn services(&self) -> &Sv {
        &self.services
    }

    /// When it was decided.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.decided_at
    }

    /// Runs statements on the process's own tables in the transaction that closes the page's exceptions.
    pub fn on_commit<F>(&self, work: F)
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<()>> + Send + 'static,
    {
        self.pending.with(|leavings| leavings.hooks.push(Box::new(work)));
    }
}
