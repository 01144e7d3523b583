//! What a step leaves to be committed with it.

use std::sync::{Mutex, PoisonError};

use canonical_model::{Failure, Result};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use persistence::Tx;
use serde_json::Value;

use crate::AtRisk;

/// One item of an instance that waits for a person while the instance goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemException {
    /// The item, such as `time_entry psa/main 4711`: one open exception for each.
    pub item_key: String,
    /// What a person calls it.
    pub title: String,
    /// What stopped it.
    pub failure: Failure,
    /// What the cause is about, such as `role:psa/main:117`: items of one code and subject form a group.
    pub subject: String,
    /// What waits with it.
    pub at_risk: AtRisk,
}

/// A process's own statements, run in the transaction of the journal.
pub(crate) type Hook = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<()>> + Send>;

/// An event to be told.
pub(crate) struct Telling {
    pub(crate) kind: String,
    pub(crate) subject: String,
    pub(crate) data: Value,
}

#[derive(Default)]
pub(crate) struct Leavings {
    pub(crate) events: Vec<Telling>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) raised: Vec<ItemException>,
    /// When to try again a step that waits.
    pub(crate) wake_at: Option<DateTime<Utc>>,
    /// What the failure is about.
    pub(crate) about: Option<String>,
    /// Something that the step could not hand in; it fails the step.
    pub(crate) failure: Option<Failure>,
}

/// Filled through shared references while a step runs.
#[derive(Default)]
pub(crate) struct Pending(Mutex<Leavings>);

impl Pending {
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut Leavings) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn take(&self) -> Leavings {
        self.with(std::mem::take)
    }

    pub(crate) fn tell(&self, kind: &str, subject: &str, data: serde_json::Result<Value>) {
        self.with(|leavings| match data {
            Ok(data) => leavings.events.push(Telling {
                kind: kind.to_owned(),
                subject: subject.to_owned(),
                data,
            }),
            Err(error) => {
                let message = format!("an event {kind} cannot be written as JSON");
                let failure = Failure::fault("event_unwritable", message).with_detail(error.to_string());
                leavings.failure.get_or_insert(failure);
            }
        });
    }
}
