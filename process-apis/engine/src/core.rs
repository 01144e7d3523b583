//! What all parts of an engine share, without the types of its processes.

use canonical_model::{CanonicalId, Event};
use chrono::{DateTime, Utc};
use std::sync::atomic::{AtomicBool, AtomicI64};

use circuits::Circuits;
use persistence::Database;
use serde_json::Value;
use tokio::sync::{Notify, watch};

use crate::EngineSettings;
use crate::fault::Faults;
use crate::outline::Outline;

pub(crate) struct Core {
    pub(crate) db: Database,
    pub(crate) settings: EngineSettings,
    /// The API, as the source of events.
    pub(crate) source: String,
    /// This engine, as the owner of leases.
    pub(crate) owner: String,
    pub(crate) outlines: Vec<Outline>,
    /// The connections that steps call.
    pub(crate) circuits: Circuits,
    /// There may be instances that wait for a connection.
    pub(crate) anybody_held: AtomicBool,
    /// When that was last looked up, in milliseconds: others put instances aside too.
    pub(crate) held_seen_ms: AtomicI64,
    /// There may be an instance to work on.
    pub(crate) work: Notify,
    /// There may be a person's decision to carry out.
    pub(crate) decisions: Notify,
    /// Changes whenever a worker lets go of an instance.
    pub(crate) moved: watch::Sender<u64>,
    pub(crate) faults: Faults,
}

impl Core {
    pub(crate) fn event(&self, kind: &str, subject: &str, correlation_id: &str, data: Value) -> Event {
        Event {
            specversion: "1.0".to_owned(),
            id: CanonicalId::generate().to_string(),
            source: self.source.clone(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            time: canonical_model::clock::now(),
            correlation_id: correlation_id.to_owned(),
            data,
        }
    }

    /// The outline of a process at a version.
    pub(crate) fn outline(&self, process: &str, version: i64) -> Option<&Outline> {
        self.outlines
            .iter()
            .find(|o| o.name == process && i64::from(o.version) == version)
    }

    /// How many workers may wait for one slow connection at once: the others are left to the others.
    pub(crate) fn share(&self) -> usize {
        usize::try_from(self.settings.workers / 4).unwrap_or(1).max(1)
    }

    pub(crate) fn lease_end(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now + millis(self.settings.lease_ms)
    }
}

/// A span of time, cut where it is longer than any calendar.
pub(crate) fn millis(ms: u64) -> chrono::TimeDelta {
    chrono::TimeDelta::milliseconds(
        i64::try_from(ms)
            .unwrap_or(i64::MAX / 1_000_000)
            .min(i64::MAX / 1_000_000),
    )
}
