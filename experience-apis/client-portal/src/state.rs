//! What handlers share.

use process_client::InsightClient;

/// The API at work.
#[derive(Clone)]
pub(crate) struct Portal {
    /// Where projects, invoices and plans come from.
    pub(crate) insight: InsightClient,
}

/// Runs calls that carry the correlation id of this request.
pub(crate) async fn correlated<F: Future>(calls: F) -> F::Output {
    match chassis::current_correlation_id() {
        Some(id) => egress::with_correlation(id, calls).await,
        None => calls.await,
    }
}
