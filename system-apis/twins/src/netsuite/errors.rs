//! NetSuite's error answers.
//!
//! Shapes, codes and texts after the SuiteTalk REST guide, "error handling", and texts recorded by integrators. Nothing
//! here decides when an error is due.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::Reply;

/// What a write or read ends with when it is refused.
pub(super) type Answer<T> = Result<T, Refusal>;

/// Where in the request the trouble is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Place {
    /// Nowhere in particular.
    None,
    /// A property of the body.
    Path(String),
    /// A query parameter.
    Query(String),
    /// A header.
    Header(String),
    /// The address itself.
    Url(String),
}

/// A refused request.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u16,
    /// `o:errorCode`.
    pub(super) code: &'static str,
    /// What a person reads.
    pub(super) detail: String,
    /// Where.
    pub(super) place: Place,
    /// `title`, where it is not the status' own.
    pub(super) title: Option<&'static str>,
    /// `Location` header (idempotency conflicts).
    pub(super) location: Option<String>,
}

const LOGIN: &str = "Invalid login attempt. For more details, see the Login Audit Trail in the NetSuite UI at Setup > Users/Roles > User Management > View Login Audit Trail.";

impl Refusal {
    fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            place: Place::None,
            title: None,
            location: None,
        }
    }

    /// The same with its place.
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// A business rule, script or workflow refuses.
    pub(super) fn user_error(detail: impl Into<String>) -> Self {
        Self::new(400, "USER_ERROR", detail)
    }

    /// Mandatory fields are missing.
    pub(super) fn missing(labels: &[String]) -> Self {
        Self::user_error(format!("Please enter value(s) for: {}", labels.join(", ")))
    }

    /// A value that the field cannot take.
    pub(super) fn invalid_value(value: &str, field: &str, path: &str) -> Self {
        let detail = format!(
            "Error while accessing resource: You have entered an Invalid Field Value {value} for the following field: {field}"
        );
        Self::new(400, "INVALID_CONTENT", detail).at(Place::Path(path.to_owned()))
    }

    /// The body is JSON but not a record.
    pub(super) fn invalid_content(detail: impl Into<String>, path: &str) -> Self {
        Self::new(400, "INVALID_CONTENT", detail).at(Place::Path(path.to_owned()))
    }

    /// A query parameter that cannot be used.
    pub(super) fn invalid_parameter(parameter: &str, detail: impl Into<String>) -> Self {
        Self::new(400, "INVALID_PARAMETER", detail).at(Place::Query(parameter.to_owned()))
    }

    /// A request that cannot be read.
    pub(super) fn invalid_request(detail: impl Into<String>) -> Self {
        Self::new(400, "INVALID_REQUEST", detail)
    }

    /// No such record.
    pub(super) fn no_record() -> Self {
        Self::new(
            404,
            "NONEXISTENT_ID",
            "The record instance does not exist. Provide a valid record instance ID.",
        )
    }

    /// No such record type, or its feature is off.
    pub(super) fn no_type(name: &str) -> Self {
        Self::new(
            404,
            "NONEXISTENT_ID",
            format!("Record type '{name}' does not exist"),
        )
        .at(Place::Url(name.to_owned()))
    }

    /// No such address.
    pub(super) fn no_resource(path: &str) -> Self {
        Self::new(
            404,
            "NONEXISTENT_ID",
            format!("The requested resource '{path}' does not exist."),
        )
        .at(Place::Url(path.to_owned()))
    }

    /// The method is not for this address.
    pub(super) fn wrong_method(method: &str) -> Self {
        Self::new(
            405,
            "METHOD_NOT_ALLOWED",
            format!("The HTTP method {method} is not supported for this resource."),
        )
    }

    /// The role may not.
    pub(super) fn forbidden(record: &str) -> Self {
        let detail = format!(
            "Permission Violation: The role does not have the permission required to access the '{record}' record. Contact your account administrator."
        );
        Self::new(403, "INSUFFICIENT_PERMISSION", detail)
    }

    /// The caller is not who it says.
    pub(super) fn invalid_login() -> Self {
        Self::new(401, "INVALID_LOGIN", LOGIN)
    }

    /// The account is over its concurrency limit.
    pub(super) fn over_limit() -> Self {
        Self::new(
            429,
            "CONCURRENCY_LIMIT_EXCEEDED",
            "Concurrent request limit exceeded. Request blocked.",
        )
    }

    /// Somebody else changed the record.
    pub(super) fn changed() -> Self {
        Self::new(409, "RCRD_HAS_BEEN_CHANGED", "Record has been changed")
    }

    /// The idempotency key was used before.
    pub(super) fn same_key(status: u16, location: String) -> Self {
        let mut refusal = Self::new(
            status,
            "IDEMPOTENCY_ERROR",
            "A request with the same idempotency key was already submitted.",
        );
        refusal.title = Some("Conflict");
        refusal.location = Some(location);
        refusal.at(Place::Header("X-NetSuite-Idempotency-Key".to_owned()))
    }

    /// NetSuite itself failed.
    pub(super) fn unexpected(status: u16, id: &str) -> Self {
        Self::new(
            status,
            "UNEXPECTED_ERROR",
            format!("An unexpected error occurred. Error ID: {id}"),
        )
    }

    /// The error body.
    pub(super) fn body(&self) -> Value {
        let mut detail = Map::new();
        detail.insert("detail".to_owned(), json!(self.detail));
        let (key, place) = match &self.place {
            Place::None => ("", ""),
            Place::Path(p) => ("o:errorPath", p.as_str()),
            Place::Query(p) => ("o:errorQueryParam", p.as_str()),
            Place::Header(p) => ("o:errorHeader", p.as_str()),
            Place::Url(p) => ("o:errorUrl", p.as_str()),
        };
        if !key.is_empty() {
            detail.insert(key.to_owned(), json!(place));
        }
        detail.insert("o:errorCode".to_owned(), json!(self.code));
        json!({
            "type": format!("https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#{}", section(self.status)),
            "title": self.title.unwrap_or_else(|| title(self.status)),
            "status": self.status,
            "o:errorDetails": [detail],
        })
    }

    /// The error as an answer.
    pub(super) fn reply(&self) -> Reply {
        let mut reply = Reply::body(self.status, "error", self.body());
        reply.location.clone_from(&self.location);
        reply
    }

    /// The error straight to the wire, for the places that have no call.
    pub(super) fn response(&self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        HttpResponse::build(status)
            .content_type("application/vnd.oracle.resource+json; type=error")
            .body(self.body().to_string())
    }
}

fn section(status: u16) -> &'static str {
    match status {
        401 => "sec10.4.2",
        403 => "sec10.4.4",
        404 => "sec10.4.5",
        405 => "sec10.4.6",
        409 => "sec10.4.10",
        500 => "sec10.5.1",
        502 => "sec10.5.3",
        503 => "sec10.5.4",
        504 => "sec10.5.5",
        _ => "sec10.4.1",
    }
}

fn title(status: u16) -> &'static str {
    StatusCode::from_u16(status)
        .ok()
        .and_then(|s| s.canonical_reason())
        .unwrap_or("Error")
}
