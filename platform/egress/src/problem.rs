//! Failures of our own APIs, as they come back in problem+json.

use canonical_model::{Failure, FailureClass, Outcome};
use http::StatusCode;
use serde::Deserialize;

use crate::{Kind, Response};

#[derive(Deserialize)]
struct Problem {
    class: FailureClass,
    code: String,
    #[serde(alias = "message")]
    detail: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    outcome: Option<Outcome>,
    #[serde(default)]
    retry_after_ms: Option<u64>,
}

/// The failure that an answer of one of our APIs carries. An answer that is no problem document (a proxy's page, say)
/// becomes a failure by its status.
#[must_use]
pub fn failure_from_problem(response: &Response) -> Failure {
    let Ok(problem) = serde_json::from_slice::<Problem>(&response.body) else {
        return foreign(response);
    };
    Failure {
        class: problem.class,
        code: problem.code,
        message: problem.detail,
        source: problem.source,
        outcome: problem.outcome.unwrap_or_else(|| outcome_of(response)),
        retry_after_ms: problem.retry_after_ms.or_else(|| response.retry_after_ms()),
        detail: None,
    }
}

fn foreign(response: &Response) -> Failure {
    let status = response.status.as_u16();
    let mut failure = match response.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Failure::transient(
            "api_unavailable",
            format!("the API is not available (status {status})"),
        ),
        _ => Failure::fault(
            "unexpected_answer",
            format!("the API answered status {status} without saying why"),
        ),
    };
    failure.outcome = outcome_of(response);
    failure.retry_after_ms = response.retry_after_ms();
    failure
}

/// A server that failed on a write may have done it first; one that refused has not. 503 is said before the work.
fn outcome_of(response: &Response) -> Outcome {
    let refused = response.status.is_client_error() || response.status == StatusCode::SERVICE_UNAVAILABLE;
    if response.kind == Kind::Read || refused {
        Outcome::NotApplied
    } else {
        Outcome::Unknown
    }
}
