//! One folder a noun, one file an operation.

pub(crate) mod account;
pub(crate) mod account_match;
pub(crate) mod audit_entry;
pub(crate) mod audit_export;
pub(crate) mod audit_tree_head;
pub(crate) mod cross_reference;
pub(crate) mod exception;
pub(crate) mod exception_group;
pub(crate) mod mapping;
pub(crate) mod ownership;
pub(crate) mod reconciliation;
pub(crate) mod translation;

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
