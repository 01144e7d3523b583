//! Failures as problem+json (RFC 9457): the one place where a class and a code become an HTTP status.

use std::collections::BTreeMap;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError, web};
use canonical_model::{Failure, FailureClass, Outcome};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{Content, Ref, RefOr, Response};
use utoipa::{IntoResponses, ToSchema};

use crate::correlation::current_correlation_id;

/// Media type of every refusal.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A failure on its way to the caller. Handlers return it and name it beside their 200.
#[derive(Debug, Clone)]
pub struct Problem(pub Failure);

/// What a handler returns that answers JSON.
pub type Handled<T> = Result<web::Json<T>, Problem>;

/// The body of every refusal. A caller finds the [`Failure`] in it unchanged: `detail` is its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem: `urn:fairlead:error:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:fairlead:error:period_closed", format = "uri")]
    pub kind: String,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599, example = 422)]
    pub status: u16,
    /// What happened, to which record, what to do.
    #[schema(example = "The period 2026-01 of Northwind Advisory GmbH is closed.")]
    pub detail: String,
    /// Stable name from the error catalogue.
    #[schema(example = "period_closed")]
    pub code: String,
    /// What can be done about it.
    pub class: FailureClass,
    /// Whether a write may have happened all the same.
    pub outcome: Outcome,
    /// Where it was met: a connection or an API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "erp/main")]
    pub source: Option<String>,
    /// Not worth trying again for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Ties this answer to the logs of everything it passed.
    #[schema(example = "019712f0-7d8e-7c3a-9a53-0f6f0e1d2c3b")]
    pub correlation_id: String,
}

impl From<ProblemBody> for Failure {
    fn from(body: ProblemBody) -> Self {
        Self {
            class: body.class,
            code: body.code,
            message: body.detail,
            source: body.source,
            outcome: body.outcome,
            retry_after_ms: body.retry_after_ms,
            detail: None,
        }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status_of(&self.0)
    }

    fn error_response(&self) -> HttpResponse {
        let status = self.status_code();
        let mut answer = HttpResponse::build(status);
        answer.content_type(PROBLEM_JSON);
        if status == StatusCode::UNAUTHORIZED {
            answer.insert_header((WWW_AUTHENTICATE, format!("Bearer error=\"{}\"", self.0.code)));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let seconds = self.0.retry_after_ms.unwrap_or(1_000).div_ceil(1_000).max(1);
            answer.insert_header((RETRY_AFTER, seconds));
        }
        answer.json(self.body(status))
    }
}

impl Problem {
    fn body(&self, status: StatusCode) -> ProblemBody {
        let failure = &self.0;
        ProblemBody {
            kind: format!("urn:fairlead:error:{}", failure.code),
            title: status.canonical_reason().unwrap_or("Refused").to_owned(),
            status: status.as_u16(),
            detail: failure.message.clone(),
            code: failure.code.clone(),
            class: failure.class,
            outcome: failure.outcome,
            source: failure.source.clone(),
            retry_after_ms: failure.retry_after_ms,
            correlation_id: current_correlation_id().unwrap_or_default(),
        }
    }
}

/// Which status says what the failure says. A business refusal that has no status of its own is 422.
fn status_of(failure: &Failure) -> StatusCode {
    match failure.class {
        FailureClass::Transient => StatusCode::SERVICE_UNAVAILABLE,
        // A source with a slash is a connection: the other side broke its contract, not we.
        FailureClass::Fault if failure.source.as_ref().is_some_and(|s| s.contains('/')) => {
            StatusCode::BAD_GATEWAY
        }
        FailureClass::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        FailureClass::Business => match failure.code.as_str() {
            "invalid_token" | "missing_token" => StatusCode::UNAUTHORIZED,
            "missing_scope" | "missing_role" | "csrf_refused" | "forbidden" => StatusCode::FORBIDDEN,
            "not_found" | "route_not_found" | "connection_not_found" => StatusCode::NOT_FOUND,
            "method_not_allowed" => StatusCode::METHOD_NOT_ALLOWED,
            "body_too_large" => StatusCode::PAYLOAD_TOO_LARGE,
            "unsupported_media_type" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "version_conflict" | "idempotency_key_reused" => StatusCode::CONFLICT,
            "bad_request" | "idempotency_key_missing" => StatusCode::BAD_REQUEST,
            code if code.starts_with("already_") => StatusCode::CONFLICT,
            code if code.starts_with("malformed_") => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        },
    }
}

/// The refusals that every guarded operation may answer, as (status, component, description).
pub(crate) const REFUSALS: [(&str, &str, &str); 9] = [
    (
        "400",
        "BadRequest",
        "The request cannot be read: malformed body, query, path or header.",
    ),
    (
        "401",
        "Unauthorized",
        "There is no token, or it is not valid for this API.",
    ),
    (
        "403",
        "Forbidden",
        "The token lacks the scope or the role that this operation demands.",
    ),
    (
        "404",
        "NotFound",
        "There is no such record, or it is not the caller's to see.",
    ),
    (
        "409",
        "Conflict",
        "It contradicts what is already there: another version, or a key used for another request.",
    ),
    (
        "422",
        "Refused",
        "Readable, but refused by a rule; `code` names the rule.",
    ),
    (
        "500",
        "Fault",
        "A fault of ours; nothing that the caller can repair.",
    ),
    (
        "502",
        "BadGateway",
        "A system behind this API broke its contract.",
    ),
    (
        "503",
        "Unavailable",
        "Not possible just now; the same request may succeed after `Retry-After`.",
    ),
];

/// The refusals of operations that take a body, beside [`REFUSALS`].
pub(crate) const BODY_REFUSALS: [(&str, &str, &str); 2] = [
    ("413", "TooLarge", "The body is longer than this API accepts."),
    (
        "415",
        "UnsupportedMediaType",
        "The body is not of the media type that the operation takes.",
    ),
];

impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        REFUSALS
            .iter()
            .map(|(status, name, _)| ((*status).to_owned(), Ref::from_response_name(*name).into()))
            .collect()
    }
}

/// The components that the references of [`Problem::responses`] point to.
pub(crate) fn response_components() -> impl Iterator<Item = (String, Response)> {
    REFUSALS
        .iter()
        .chain(BODY_REFUSALS.iter())
        .map(|(_, name, description)| {
            let body = Content::new(Some(Ref::from_schema_name("Problem")));
            let response = utoipa::openapi::ResponseBuilder::new()
                .description(*description)
                .content(PROBLEM_JSON, body)
                .build();
            ((*name).to_owned(), response)
        })
}
