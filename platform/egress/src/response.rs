//! An answer, whatever its status.

use bytes::Bytes;
use canonical_model::{Failure, Result};
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::{Kind, retry_after_ms};

/// An answer that arrived whole. Its status is the connector's to judge.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, unpacked.
    pub body: Bytes,
    /// Of the request: decides what an answer that cannot be read says about the outcome.
    pub kind: Kind,
}

impl Response {
    /// The body as JSON.
    ///
    /// # Errors
    /// Fault `undecodable_answer`; of a write the outcome is unknown.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| self.undecodable(&error.to_string()))
    }

    /// The body as text.
    ///
    /// # Errors
    /// Fault `undecodable_answer` when it is not UTF-8; of a write the outcome is unknown.
    pub fn text(&self) -> Result<String> {
        String::from_utf8(self.body.to_vec()).map_err(|error| self.undecodable(&error.to_string()))
    }

    /// A header's text, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the other side asks to be left alone.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        self.header("retry-after")
            .and_then(|text| retry_after_ms(text, canonical_model::clock::now()))
    }

    fn undecodable(&self, detail: &str) -> Failure {
        let message = format!("the answer with status {} cannot be read", self.status.as_u16());
        let failure = Failure::fault("undecodable_answer", message).with_detail(detail.to_owned());
        match self.kind {
            Kind::Read => failure,
            Kind::Write => failure.outcome_unknown(),
        }
    }
}
