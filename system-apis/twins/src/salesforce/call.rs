//! One API call as the twin's handlers see it, whether it came over HTTP or inside a composite request.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

use super::Salesforce;
use super::errors::ApiError;
use crate::store::{Record, Tables, Transaction};

/// Path, parameters and body of a call below `/services/data/vNN.N/`.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path segments after the version, percent-decoded one by one.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    /// Lower-case names.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Payload,
}

/// The body of a call.
#[derive(Debug, Clone, Default)]
pub(super) enum Payload {
    #[default]
    None,
    /// As received.
    Bytes(bytes::Bytes),
    /// As given inside a composite request.
    Json(Value),
}

impl Request {
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Result<Value, ApiError> {
        match &self.body {
            Payload::Json(value) => Ok(value.clone()),
            Payload::Bytes(bytes) if !bytes.is_empty() => serde_json::from_slice(bytes).map_err(|error| {
                ApiError::json(format!(
                    "Unexpected character or end of input at [line:{}, column:{}]",
                    error.line(),
                    error.column()
                ))
            }),
            Payload::Bytes(_) | Payload::None => Err(ApiError::json(
                "The HTTP entity body is required, but this request has no entity body.",
            )),
        }
    }

    /// The body as a JSON object.
    pub(super) fn object(&self) -> Result<Map<String, Value>, ApiError> {
        match self.json()? {
            Value::Object(object) => Ok(object),
            _ => Err(ApiError::json("Expected a JSON object at [line:1, column:1]")),
        }
    }
}

/// The answer to a call.
#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Content,
}

/// The body of an answer.
#[derive(Debug, Clone)]
pub(super) enum Content {
    Empty,
    Json(Value),
    Csv(String),
}

impl Response {
    pub(super) fn json(status: u16, value: Value) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Content::Json(value),
        }
    }

    pub(super) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Content::Empty,
        }
    }

    #[must_use]
    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(super) fn failed(&self) -> bool {
        self.status >= 400
    }
}

impl From<ApiError> for Response {
    fn from(error: ApiError) -> Self {
        Self::json(error.status, error.single())
    }
}

/// Who calls, and how.
#[derive(Debug, Clone)]
pub(super) struct Who {
    /// The running user.
    pub(super) user_id: String,
    /// API version of the path, such as `59.0`.
    pub(super) version: String,
    /// Where the client reaches this org.
    pub(super) base_url: String,
    /// Fault control says that another writer holds the records.
    pub(super) locked: bool,
    /// Fault control says that a record came in between two pages.
    pub(super) page_shift: bool,
}

/// A call under way: the org, the transaction it runs in, and who calls.
pub(super) struct Call<'a, 't> {
    pub(super) org: &'a Salesforce,
    pub(super) who: &'a Who,
    pub(super) tx: &'a mut Transaction<'t>,
}

impl<'t> Call<'_, 't> {
    pub(super) fn tables(&self) -> &Tables {
        self.tx.tables()
    }

    /// Runs a part that may fail alone, taking back what it wrote.
    pub(super) fn attempt<T, E>(
        &mut self,
        f: impl FnOnce(&mut Call<'_, 't>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (org, who) = (self.org, self.who);
        self.tx.attempt(|tx| f(&mut Call { org, who, tx }))
    }

    /// A resource's path, as `attributes.url` and `Location` give it.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/services/data/v{}/{rest}", self.who.version)
    }

    /// The version as a number.
    pub(super) fn version(&self) -> u32 {
        self.who
            .version
            .split('.')
            .next()
            .and_then(|v| v.parse().ok())
            .unwrap_or(0)
    }
}

/// A datetime as the API writes it: milliseconds, UTC, no colon in the zone.
pub(super) fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string()
}

/// A field of a record with the system fields that the store keeps itself.
pub(super) fn value(record: &Record, field: &str) -> Value {
    match field {
        "Id" => Value::from(record.id.as_str()),
        "IsDeleted" => Value::from(record.deleted),
        "CreatedDate" => Value::from(stamp(record.created_at)),
        "SystemModstamp" => Value::from(stamp(record.changed_at)),
        _ => record.get(field).clone(),
    }
}
