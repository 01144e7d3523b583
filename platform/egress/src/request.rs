//! A request before it is sent.

use bytes::Bytes;
use canonical_model::{Failure, Result};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;

/// Whether sending twice could change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Changes nothing: may be sent again.
    Read,
    /// Changes something: is sent once.
    Write,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Nothing.
    None,
    /// JSON.
    Json(serde_json::Value),
    /// A form, `application/x-www-form-urlencoded`.
    Form(Vec<(String, String)>),
    /// Anything else.
    Bytes {
        /// Its media type.
        content_type: String,
        /// Its bytes.
        bytes: Bytes,
    },
}

/// One request. GET and HEAD are reads, everything else is a write unless [`reading`](Self::reading) says otherwise.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// A path below the base URL, or an absolute URL on an allowed host. When an authorizer sees it, it is the
    /// absolute URL with the query.
    pub target: String,
    /// Appended to the target's query.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Body,
    /// Whether it may be sent again.
    pub kind: Kind,
    /// The path with placeholders, for logs and metrics; made from the path when absent.
    pub template: Option<&'static str>,
    /// A part that could not be built; reported when it is sent.
    refusal: Option<Failure>,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        let kind = if method == Method::GET || method == Method::HEAD {
            Kind::Read
        } else {
            Kind::Write
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Self {
            method,
            target: target.into(),
            query: Vec::new(),
            headers,
            body: Body::None,
            kind,
            template: None,
            refusal: None,
        }
    }

    /// Reads a path.
    #[must_use]
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target)
    }

    /// Deletes a path.
    #[must_use]
    pub fn delete(target: impl Into<String>) -> Self {
        Self::new(Method::DELETE, target)
    }

    /// Posts JSON.
    #[must_use]
    pub fn post_json(target: impl Into<String>, body: &(impl Serialize + ?Sized)) -> Self {
        Self::new(Method::POST, target).json(body)
    }

    /// Patches with JSON.
    #[must_use]
    pub fn patch_json(target: impl Into<String>, body: &(impl Serialize + ?Sized)) -> Self {
        Self::new(Method::PATCH, target).json(body)
    }

    /// Puts JSON.
    #[must_use]
    pub fn put_json(target: impl Into<String>, body: &(impl Serialize + ?Sized)) -> Self {
        Self::new(Method::PUT, target).json(body)
    }

    /// Puts bytes.
    #[must_use]
    pub fn put_bytes(
        target: impl Into<String>,
        content_type: impl Into<String>,
        bytes: impl Into<Bytes>,
    ) -> Self {
        let mut request = Self::new(Method::PUT, target);
        request.body = Body::Bytes {
            content_type: content_type.into(),
            bytes: bytes.into(),
        };
        request
    }

    /// Posts bytes.
    #[must_use]
    pub fn post_bytes(
        target: impl Into<String>,
        content_type: impl Into<String>,
        bytes: impl Into<Bytes>,
    ) -> Self {
        let mut request = Self::put_bytes(target, content_type, bytes);
        request.method = Method::POST;
        request
    }

    /// Posts a form.
    #[must_use]
    pub fn post_form(target: impl Into<String>, fields: Vec<(String, String)>) -> Self {
        let mut request = Self::new(Method::POST, target);
        request.body = Body::Form(fields);
        request
    }

    /// The same request with a JSON body.
    #[must_use]
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match serde_json::to_value(body) {
            Ok(value) => self.body = Body::Json(value),
            Err(error) => self.refuse(error.to_string()),
        }
        self
    }

    /// The same request with a header; a header of that name is replaced.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.set_header(name, value.as_ref());
        self
    }

    /// Sets a header; for authorizers.
    pub fn set_header(&mut self, name: &str, value: &str) {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(mut value)) => {
                // Kept out of every debug print, whoever set it.
                value.set_sensitive(name == http::header::AUTHORIZATION);
                self.headers.insert(name, value);
            }
            _ => self.refuse(format!("header {name}")),
        }
    }

    /// The same request with a query parameter more.
    #[must_use]
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// The same request with a query parameter more, where there is a value.
    #[must_use]
    pub fn query_opt(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Declares that the request changes nothing although its method could: a query by POST.
    #[must_use]
    pub fn reading(mut self) -> Self {
        self.kind = Kind::Read;
        self
    }

    /// Declares that the request changes something although its method is GET.
    #[must_use]
    pub fn writing(mut self) -> Self {
        self.kind = Kind::Write;
        self
    }

    /// Names the path in logs and metrics, such as `/v1/accounts/{id}`.
    #[must_use]
    pub fn template(mut self, template: &'static str) -> Self {
        self.template = Some(template);
        self
    }

    /// The same request, which is told to be for this person: our own APIs name them in the audit.
    #[must_use]
    pub fn on_behalf_of(self, person: Option<&str>) -> Self {
        match person {
            Some(person) => self.header("x-on-behalf-of", person),
            None => self,
        }
    }

    fn refuse(&mut self, detail: String) {
        let message = format!("a request to {} cannot be built", self.target);
        let failure = Failure::fault("unencodable_request", message);
        self.refusal.get_or_insert(failure.with_detail(detail));
    }

    pub(crate) fn check(&self) -> Result<()> {
        self.refusal.clone().map_or(Ok(()), Err)
    }

    /// Media type and bytes of the body; JSON is written with the keys in the order in which they stand.
    pub(crate) fn encoded_body(&self) -> Result<Option<(String, Bytes)>> {
        Ok(match &self.body {
            Body::None => None,
            Body::Json(value) => {
                let bytes = serde_json::to_vec(value).map_err(|error| {
                    Failure::fault(
                        "unencodable_request",
                        "a request's body cannot be written as JSON",
                    )
                    .with_detail(error.to_string())
                })?;
                let content_type = match self.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()) {
                    Some(own) => own.to_owned(),
                    None => "application/json".to_owned(),
                };
                Some((content_type, bytes.into()))
            }
            Body::Form(fields) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(fields);
                Some((
                    "application/x-www-form-urlencoded".to_owned(),
                    form.finish().into(),
                ))
            }
            Body::Bytes { content_type, bytes } => Some((content_type.clone(), bytes.clone())),
        })
    }
}

/// A text as one segment of a path, whatever it contains.
#[must_use]
pub fn segment(text: &str) -> String {
    // URL parsers resolve dots, plain or encoded once. Encoded twice they name nothing, which is what they should.
    if matches!(text, "." | "..") {
        return text.replace('.', "%252E");
    }
    percent_encoding::utf8_percent_encode(text, SEGMENT).to_string()
}

const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
