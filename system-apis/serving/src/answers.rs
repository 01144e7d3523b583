//! How handlers of this crate end.

use actix_web::web;
use canonical_model::Result;
use chassis::Problem;

/// What a handler answers.
pub(crate) type Answer<T> = std::result::Result<web::Json<T>, actix_web::Error>;

/// A result as a handler's answer.
pub(crate) fn answer<T>(result: Result<T>) -> Answer<T> {
    result.map(web::Json).map_err(|failure| Problem(failure).into())
}

/// Runs a call of a connector, whose requests to the vendor carry the correlation id of this request.
pub(crate) async fn correlated<F: Future>(call: F) -> F::Output {
    match chassis::current_correlation_id() {
        Some(id) => egress::with_correlation(id, call).await,
        None => call.await,
    }
}
