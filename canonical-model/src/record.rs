//! How records travel between a system API and its callers: with their source, by page, by change, by write.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Failure;

/// A canonical record that systems of record hold collections of.
pub trait Resource:
    Serialize + DeserializeOwned + Clone + PartialEq + fmt::Debug + Send + Sync + 'static
{
    /// One of them, for messages and cross-references: `time_entry`.
    const NAME: &'static str;
    /// The collection in a path: `time-entries`.
    const PATH: &'static str;
}

/// A record as one system holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sourced<T> {
    /// Name of the connection it came from.
    pub connection: String,
    /// The vendor's name of the object, such as `Account` or `timeBill`.
    pub object: String,
    /// The record's id in that system.
    pub id: String,
    /// The vendor's version of the record (ETag, counter, modification stamp), where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// When the system last changed it.
    pub changed_at: DateTime<Utc>,
    /// Our key on the record, where we wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect_key: Option<String>,
    /// Ids that other systems gave the same thing, as this record carries them, by system name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub links: BTreeMap<String, String>,
    /// The record.
    pub data: T,
    /// Custom fields that the connection's configuration maps, by canonical name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, serde_json::Value>,
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The records.
    pub items: Vec<T>,
    /// Give this to get the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// What to list. A connector refuses a filter that it cannot apply; it never ignores one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListQuery {
    /// From the page before.
    pub cursor: Option<String>,
    /// Records a page, 1 to 1000.
    pub limit: Option<u32>,
    /// Only records of this account (id in that system).
    pub account: Option<String>,
    /// Only records of this project (id in that system).
    pub project: Option<String>,
    /// Only records of this person (id in that system).
    pub person: Option<String>,
    /// Only records in this state, in the canonical word.
    pub state: Option<String>,
    /// Only records dated on or after.
    pub date_from: Option<NaiveDate>,
    /// Only records dated on or before.
    pub date_to: Option<NaiveDate>,
}

/// One change of a record, in the order in which the system made them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change<T> {
    /// The record's id in that system.
    pub id: String,
    /// When the system changed it.
    pub changed_at: DateTime<Utc>,
    /// The record as it is now; absent when it was deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Sourced<T>>,
    /// Set instead of the record when it was changed but cannot be read into the canonical model (an unknown currency,
    /// a field hidden from us): the feed goes on behind it, and the receiver shows it to a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Changes since a cursor. Delivery is at least once: the same change may come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes<T> {
    /// The changes, oldest first.
    pub items: Vec<Change<T>>,
    /// Where to go on, now or later.
    pub next_cursor: String,
    /// More is ready at once.
    pub more: bool,
}

/// The key under which one effect is known in the vendor: letters, digits, `-` and `_`, at most 64.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_-]{1,64}$", example = "q2p-customer-0192f3a1")]
pub struct EffectKey(String);

impl EffectKey {
    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EffectKey {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
            let message = format!("{text:?} is no effect key: use 1 to 64 letters, digits, '-' and '_'");
            return Err(Failure::business("invalid_effect_key", message));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for EffectKey {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self, Failure> {
        text.parse()
    }
}

impl From<EffectKey> for String {
    fn from(key: EffectKey) -> Self {
        key.0
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a record is looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindBy {
    /// Our key, as written with the record: the look-up that settles an unknown outcome.
    EffectKey,
    /// The firm's own code or number for it (project code, invoice number).
    Code,
    /// A person's or contact's e-mail address.
    Email,
    /// A tax registration number.
    TaxRegistration,
    /// The domain of a company's web site or e-mail addresses.
    Domain,
    /// The exact name, without regard to case.
    Name,
}

impl FindBy {
    /// All of them.
    pub const ALL: [FindBy; 6] = [
        Self::EffectKey,
        Self::Code,
        Self::Email,
        Self::TaxRegistration,
        Self::Domain,
        Self::Name,
    ];

    /// The word in a query: `effect_key`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::EffectKey => "effect_key",
            Self::Code => "code",
            Self::Email => "email",
            Self::TaxRegistration => "tax_registration",
            Self::Domain => "domain",
            Self::Name => "name",
        }
    }
}

/// One record to create or update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Write<T> {
    /// The effect's key: the same key never makes a second record.
    pub key: EffectKey,
    /// The record to update; absent = the record that carries the key, or a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Refuse when the record's version is another by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<String>,
    /// The record as it shall be. Absent optional fields are left as they are.
    pub record: T,
}

/// A record that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Written {
    /// Its id in that system.
    pub id: String,
    /// Its number or code there, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Its version after the write, where the vendor has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// True when this call made it; false when it was there and was updated or found unchanged; absent where the
    /// vendor does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<bool>,
}

/// What became of one write of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WriteResult {
    /// The key of the write.
    pub key: EffectKey,
    /// Set when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
    /// Set when it was not, or when nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

impl WriteResult {
    /// The result of a write.
    #[must_use]
    pub fn new(key: EffectKey, result: Result<Written, Failure>) -> Self {
        match result {
            Ok(written) => Self {
                key,
                written: Some(written),
                failure: None,
            },
            Err(failure) => Self {
                key,
                written: None,
                failure: Some(failure),
            },
        }
    }

    /// The result as a `Result`.
    ///
    /// # Errors
    /// The failure of the write; Fault `empty_result` where the answer says neither.
    pub fn into_result(self) -> Result<Written, Failure> {
        match (self.written, self.failure) {
            (Some(written), None) => Ok(written),
            (_, Some(failure)) => Err(failure),
            (None, None) => {
                let message = format!("the answer to write {} says neither written nor failed", self.key);
                Err(Failure::fault("empty_result", message).outcome_unknown())
            }
        }
    }
}

/// How far another system is with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// On its way.
    Pending,
    /// There.
    Succeeded,
    /// Refused; the message says why.
    Failed,
}

/// The id that another system gave a record, to be kept on the record itself where its users see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The effect's key.
    pub key: EffectKey,
    /// The record, in the system that is written to.
    pub id: String,
    /// The other system, such as `erp`.
    pub system: String,
    /// The record's id there; absent while pending or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_id: Option<String>,
    /// How far the other system is.
    pub state: LinkState,
    /// For the users of the system that is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effect_key_cannot_carry_separators_that_vendors_misread() {
        assert!("a|b".parse::<EffectKey>().is_err());
        assert!("".parse::<EffectKey>().is_err());
        assert!("x".repeat(65).parse::<EffectKey>().is_err());
        assert_eq!(
            "q2p_Customer-1".parse::<EffectKey>().unwrap().as_str(),
            "q2p_Customer-1"
        );
    }
}
