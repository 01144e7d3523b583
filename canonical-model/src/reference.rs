//! Identity: canonical ids and references between records of one system.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Fairlead's own id of a business object, the same in every system through the cross-reference. UUIDv7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct CanonicalId(pub Uuid);

impl CanonicalId {
    /// A new id, ordered by time.
    #[must_use]
    pub fn generate() -> Self {
        Self(crate::clock::new_id())
    }
}

impl fmt::Display for CanonicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CanonicalId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// A reference to another record of the same system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordRef {
    /// The record's id in that system.
    #[schema(min_length = 1, max_length = 200, example = "107")]
    pub id: String,
    /// What a person calls it: a name, a code, for people the e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "anna.keller@northwind-advisory.example")]
    pub label: Option<String>,
}

impl RecordRef {
    /// A reference by id alone.
    #[must_use]
    pub fn id(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            label: None,
        }
    }

    /// A reference with what a person calls the record.
    #[must_use]
    pub fn labelled(id: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            label: Some(label.into()),
        }
    }
}
