//! One id from the first call to the last vendor write.

use std::convert::Infallible;
use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::HeaderName;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use uuid::Uuid;

/// The header that carries the id, in and out.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

tokio::task_local! {
    /// The id of the request that this task serves.
    pub static CORRELATION: String;
}

/// The id of the request that the current task serves, if it serves one.
#[must_use]
pub fn current_correlation_id() -> Option<String> {
    CORRELATION.try_with(Clone::clone).ok()
}

/// The id that ties everything together which one request brings about: the caller's, or a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelationId(pub String);

impl CorrelationId {
    /// The caller's id when it is sound (1 to 64 letters, digits, `_` or `-`), else a new one.
    pub(crate) fn of(offered: Option<&str>) -> Self {
        match offered {
            Some(id) if is_sound(id) => Self(id.to_owned()),
            _ => Self(Uuid::now_v7().to_string()),
        }
    }
}

fn is_sound(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

impl FromRequest for CorrelationId {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let known = request.extensions().get::<Self>().cloned();
        ready(Ok(known.unwrap_or_else(|| Self::of(None))))
    }
}
