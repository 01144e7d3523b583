//! The clock that everything reads, and where new ids come from. In a simulation both follow its seed.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The present moment.
#[must_use]
pub fn now() -> DateTime<Utc> {
    #[cfg(feature = "simulation")]
    if let Some(now) = crate::simulation::now() {
        return now;
    }
    Utc::now()
}

/// A new id, ordered by time.
pub(crate) fn new_id() -> Uuid {
    #[cfg(feature = "simulation")]
    if let Some(id) = crate::simulation::new_id() {
        return id;
    }
    Uuid::now_v7()
}
