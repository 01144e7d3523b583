//! Under which key, and for whom, something is changed.

use egress::Request;
use uuid::Uuid;

/// A change: the key that keeps it single, and the person it is for.
///
/// An API that passes a person's request on passes its key on too, so that a repeated click is one change all the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    key: String,
    person: Option<String>,
}

impl Act {
    /// A change under a key of its own, for callers whose request is naturally single.
    #[must_use]
    pub fn once() -> Self {
        Self::keyed(Uuid::now_v7().to_string())
    }

    /// A change under this key.
    #[must_use]
    pub fn keyed(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            person: None,
        }
    }

    /// The same change, for a person (the subject of their token).
    #[must_use]
    pub fn on_behalf_of(mut self, person: impl Into<String>) -> Self {
        self.person = Some(person.into());
        self
    }

    pub(crate) fn put_on(&self, request: Request) -> Request {
        request
            .header("idempotency-key", &self.key)
            .on_behalf_of(self.person.as_deref())
    }
}
