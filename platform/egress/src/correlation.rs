//! The correlation id of the work that a call belongs to.

use std::future::Future;

tokio::task_local! {
    static CORRELATION: String;
}

/// The header that carries the id, on our own APIs and to vendors alike.
pub const CORRELATION_HEADER: &str = "x-correlation-id";

/// Runs a future whose requests all carry the id.
pub async fn with_correlation<F: Future>(id: impl Into<String>, future: F) -> F::Output {
    CORRELATION.scope(id.into(), future).await
}

/// The id of the running work, where there is one.
#[must_use]
pub fn current_correlation_id() -> Option<String> {
    CORRELATION.try_with(Clone::clone).ok()
}
