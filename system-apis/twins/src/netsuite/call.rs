//! One request as the services see it, and its answer before it goes to the wire.
//!
//! Both can be stored: an asynchronous job keeps its call until it has run and its answers for ever.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, HeaderName};
use actix_web::{HttpRequest, HttpResponse};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::errors::{Answer, Refusal};

const RECORD: &str = "application/vnd.oracle.resource+json";

/// A request.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) method: String,
    /// Path as sent, with its leading slash, without the query.
    pub(super) path: String,
    /// Decoded query parameters in the order of the request.
    pub(super) query: Vec<(String, String)>,
    /// `http://host:port` as the caller addressed us.
    pub(super) base: String,
    pub(super) accept: String,
    pub(super) content_type: String,
    pub(super) prefer: String,
    pub(super) idempotency_key: Option<String>,
    pub(super) name_validation: Option<String>,
    pub(super) value_validation: Option<String>,
    pub(super) correlation_id: Option<String>,
    pub(super) body: String,
}

impl Call {
    /// Reads a request; `public_url` decides the scheme when the caller came under the vendor's own name.
    pub(super) fn read(request: &HttpRequest, body: &[u8], public_url: &str) -> Self {
        let headers = request.headers();
        let text = |name: &str| header(headers, name).unwrap_or_default();
        let query = url::form_urlencoded::parse(request.query_string().as_bytes())
            .into_owned()
            .collect();
        Self {
            method: request.method().to_string(),
            path: request.uri().path().to_owned(),
            query,
            base: base(request, public_url),
            accept: text("accept"),
            content_type: text("content-type"),
            prefer: headers
                .get_all("prefer")
                .filter_map(|v| v.to_str().ok())
                .collect::<Vec<_>>()
                .join(", "),
            idempotency_key: header(headers, "x-netsuite-idempotency-key"),
            name_validation: header(headers, "x-netsuite-propertynamevalidation"),
            value_validation: header(headers, "x-netsuite-propertyvaluevalidation"),
            correlation_id: header(headers, "x-correlation-id"),
            body: String::from_utf8_lossy(body).into_owned(),
        }
    }

    /// The value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(k, _)| k == name)
            .map(|(_, v)| v.as_str())
    }

    /// Whether a query parameter is `true`.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.parameter(name)
            .is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// The values of a comma-separated query parameter.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.parameter(name).into_iter().flat_map(|v| v.split(','));
        values
            .map(|v| v.trim().trim_matches('\'').to_owned())
            .filter(|v| !v.is_empty())
            .collect()
    }

    /// Whether the `Prefer` header has a word.
    pub(super) fn prefers(&self, word: &str) -> bool {
        self.prefer
            .split(',')
            .any(|p| p.trim().eq_ignore_ascii_case(word))
    }

    /// Whether the body or the answer is a collection of records.
    pub(super) fn is_batch(&self) -> bool {
        media_type(&self.content_type).as_deref() == Some("collection")
    }

    /// The `type` of the media type that the caller wants to read.
    pub(super) fn wanted(&self) -> Option<String> {
        media_type(&self.accept)
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Answer<Value> {
        if self.body.trim().is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_str(&self.body).map_err(|error| {
            Refusal::invalid_request(format!("Invalid content in the request body: {error}."))
        })
    }

    /// The parts of the path below a prefix, decoded.
    pub(super) fn segments(&self, prefix: &str) -> Vec<String> {
        let rest = self.path.strip_prefix(prefix).unwrap_or_default();
        let decode = |s: &str| {
            percent_encoding::percent_decode_str(s)
                .decode_utf8_lossy()
                .into_owned()
        };
        rest.split('/').filter(|s| !s.is_empty()).map(decode).collect()
    }

    /// The address of a resource under `/services/rest`.
    pub(super) fn href(&self, path: &str) -> String {
        format!("{}/services/rest{path}", self.base)
    }

    /// The address of a record.
    pub(super) fn record_href(&self, record: &str, id: &str) -> String {
        self.href(&format!("/record/v1/{record}/{id}"))
    }
}

fn media_type(header: &str) -> Option<String> {
    let mut parts = header.split(';').map(str::trim);
    parts.next()?;
    parts.find_map(|p| {
        p.strip_prefix("type=")
            .map(|t| t.trim_matches('"').to_lowercase())
    })
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn base(request: &HttpRequest, public_url: &str) -> String {
    let info = request.connection_info();
    let host = info.host();
    if public_url
        .strip_prefix("https://")
        .is_some_and(|public| public.eq_ignore_ascii_case(host))
    {
        return public_url.to_owned();
    }
    format!("{}://{host}", info.scheme())
}

/// An answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) location: Option<String>,
    /// Warnings of property validation.
    #[serde(default)]
    pub(super) warnings: Vec<String>,
    #[serde(default)]
    pub(super) asynchronous: bool,
    pub(super) body: Option<Value>,
}

impl Reply {
    /// `204 No Content`.
    pub(super) fn empty(location: Option<String>) -> Self {
        Self {
            status: 204,
            location,
            ..Self::default()
        }
    }

    /// A body of NetSuite's own media type.
    pub(super) fn body(status: u16, media: &str, body: Value) -> Self {
        Self {
            status,
            content_type: format!("{RECORD}; type={media}"),
            body: Some(body),
            ..Self::default()
        }
    }

    /// A body of another media type.
    pub(super) fn typed(content_type: &str, body: Value) -> Self {
        Self {
            status: 200,
            content_type: content_type.to_owned(),
            body: Some(body),
            ..Self::default()
        }
    }

    /// The answer for the wire.
    pub(super) fn response(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = HttpResponse::build(status);
        response.insert_header((
            HeaderName::from_static("x-n-operationid"),
            uuid::Uuid::new_v4().to_string(),
        ));
        if let Some(location) = self.location {
            response.insert_header(("Location", location));
        }
        if self.asynchronous {
            response.insert_header(("Preference-Applied", "respond-async"));
        }
        if !self.warnings.is_empty() {
            response.insert_header(("x-netsuite-propertyvalidation", self.warnings.join(", ")));
        }
        match self.body {
            Some(body) => response.content_type(self.content_type).body(body.to_string()),
            None => response.finish(),
        }
    }
}
