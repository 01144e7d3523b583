//! Refusals in Salesforce's words: an array of `message`, `errorCode` and sometimes `fields`.
//!
//! Codes, texts and statuses follow the REST API developer guide's status code list and recorded answers. OAuth
//! refusals have another form and live in [`super::auth`].

use serde_json::{Value, json};

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// The fields at fault; `None` where the answer has no such key.
    pub(super) fields: Option<Vec<String>>,
}

impl ApiError {
    pub(super) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            fields: None,
        }
    }

    /// A rule about a record that names the fields at fault.
    pub(super) fn of_fields(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = fields.iter().map(|f| (*f).to_owned()).collect();
        Self {
            status: 400,
            code,
            message: message.into(),
            fields: Some(fields),
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(super) fn deleted() -> Self {
        Self {
            fields: Some(Vec::new()),
            ..Self::new(404, "ENTITY_IS_DELETED", "entity is deleted")
        }
    }

    pub(super) fn session() -> Self {
        Self::new(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    pub(super) fn limit() -> Self {
        Self::new(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    }

    pub(super) fn json(detail: impl Into<String>) -> Self {
        Self::new(400, "JSON_PARSER_ERROR", detail)
    }

    pub(super) fn method(method: &str, allowed: &str) -> Self {
        let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
        Self::new(405, "METHOD_NOT_ALLOWED", message)
    }

    pub(super) fn no_such_column(field: &str, object: &str) -> Self {
        Self::new(
            400,
            "INVALID_FIELD",
            format!("No such column '{field}' on sobject of type {object}"),
        )
    }

    pub(super) fn locked(ids: &[&str]) -> Self {
        let count = match ids.len() {
            0 | 1 => "1 record".to_owned(),
            n => format!("{n} records"),
        };
        let message = format!(
            "unable to obtain exclusive access to this record or {count}: {}",
            ids.join(",")
        );
        Self::of_fields("UNABLE_TO_LOCK_ROW", message, &[])
    }

    /// The form of an answer to a single call.
    pub(super) fn single(&self) -> Value {
        let mut error = json!({"message": self.message, "errorCode": self.code});
        if let (Some(fields), Some(object)) = (&self.fields, error.as_object_mut()) {
            object.insert("fields".to_owned(), json!(fields));
        }
        json!([error])
    }

    /// The form inside an answer about several records.
    pub(super) fn in_collection(&self) -> Value {
        let fields = self.fields.clone().unwrap_or_default();
        json!({"statusCode": self.code, "message": self.message, "fields": fields})
    }

    /// The form of `sf__Error` in a bulk result.
    pub(super) fn in_bulk(&self) -> String {
        let fields = self.fields.as_ref().map(|f| f.join(" ")).unwrap_or_default();
        format!("{}:{}:{fields} --", self.code, self.message)
    }
}
