//! One folder a noun, one file an operation.

pub mod account;
pub mod account_match;
pub mod audit_entry;
pub mod cross_reference;
pub mod exception;
pub mod exception_group;
pub mod mapping;
pub mod ownership;
pub mod translation;

use chassis::Caller;
use chrono::Utc;

use crate::golden::Asker;

/// Who asks and when, for what is recorded.
pub(crate) fn asker(caller: &Caller) -> Asker {
    Asker {
        actor: caller.actor().to_owned(),
        correlation_id: chassis::current_correlation_id().unwrap_or_default(),
        now_ms: Utc::now().timestamp_millis(),
    }
}
