//! A request and its key in one transaction: sent again, it is answered as before and has no second effect.

use canonical_model::{Accepted, Failure, Result};
use futures_util::future::BoxFuture;
use persistence::Tx;
use persistence::idempotency::{self, Seen};
use serde::Serialize;

/// Does the work of a request, unless a request of the same key was answered before.
///
/// # Errors
/// Business `idempotency_key_reused`; the failure of the work.
pub(super) async fn once<F>(
    tx: &mut Tx,
    operation: &'static str,
    key: &str,
    request: &impl Serialize,
    work: F,
) -> Result<Accepted>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<Accepted>> + Send,
{
    let digest = idempotency::digest(request)?;
    if let Seen::Replay { body, .. } = idempotency::begin(tx, operation, key, &digest).await? {
        return serde_json::from_str(&body).map_err(|error| unreadable(&error));
    }
    let accepted = work(tx).await?;
    let body = serde_json::to_string(&accepted).map_err(|error| unreadable(&error))?;
    idempotency::finish(tx, operation, key, 202, &body).await?;
    Ok(accepted)
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::fault(
        "unreadable_answer",
        "a recorded answer is not what it was written as",
    )
    .with_detail(error.to_string())
}
