//! What a vendor can do, declared by its connector and shown in the system API's contract.

use std::collections::BTreeMap;
use std::fmt;

use crate::FindBy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A thing that can be done with a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Page through it.
    List,
    /// Read one by id.
    Read,
    /// Look up by value.
    Find,
    /// Follow its changes.
    Changes,
    /// Create or update.
    Write,
    /// Note another system's state on it.
    Link,
    /// Take a record out of the books again: write one that names it in `reverses`, with the quantity negated.
    Reverse,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Find => "look up",
            Self::Changes => "follow the changes of",
            Self::Write => "write",
            Self::Link => "link",
            Self::Reverse => "reverse",
        })
    }
}

/// What keeps a repeated write from making a second record in this vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Idempotency {
    /// The vendor upserts by our key.
    ExternalIdUpsert,
    /// The vendor refuses a second record with our key.
    UniqueField,
    /// Our key is on the record, but only a look-up before and after keeps it single.
    LookUp,
    /// The write sets fields of a known record: doing it twice is doing it once.
    NaturallyIdempotent,
    /// Nothing is written.
    None,
}

/// Whether a look-up sees every earlier write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consistency {
    /// Not found means not there: it may be sent again.
    ReadAfterWrite,
    /// Not found proves nothing: a person decides.
    Eventual,
}

/// A field of a list query that the collection applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// By account.
    Account,
    /// By project.
    Project,
    /// By person.
    Person,
    /// By state.
    State,
    /// By date from and to.
    Date,
}

/// What one collection can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Support {
    /// What can be done with it.
    pub verbs: Vec<Verb>,
    /// The filters that a listing applies.
    pub filters: Vec<Filter>,
    /// The values that it can be looked up by.
    pub find_by: Vec<FindBy>,
    /// What keeps a repeated write single.
    pub idempotency: Idempotency,
    /// Whether a look-up by effect key sees every earlier write.
    pub consistency: Consistency,
    /// Writes that the vendor takes in one call; 1 where it has no bulk form.
    pub bulk_size: u32,
}

impl Support {
    /// A collection that this vendor does not have.
    #[must_use]
    pub fn absent() -> Self {
        Self::read_only(&[], &[])
    }

    /// A collection that is read, never written.
    #[must_use]
    pub fn read_only(verbs: &[Verb], find_by: &[FindBy]) -> Self {
        Self {
            verbs: verbs.to_vec(),
            filters: Vec::new(),
            find_by: find_by.to_vec(),
            idempotency: Idempotency::None,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 1,
        }
    }

    /// Whether a verb is declared.
    #[must_use]
    pub fn has(&self, verb: Verb) -> bool {
        self.verbs.contains(&verb)
    }
}

/// One collection's support under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CollectionSupport {
    /// Path of the collection, such as `time-entries`.
    pub collection: String,
    /// What it can do.
    #[serde(flatten)]
    pub support: Support,
}

/// What every collection of a port can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capabilities {
    /// The vendor and its API version.
    pub vendor: String,
    /// One entry a collection.
    pub collections: Vec<CollectionSupport>,
}

impl Capabilities {
    /// Capabilities from the collections' own declarations.
    #[must_use]
    pub fn new(vendor: &str, collections: BTreeMap<&'static str, Support>) -> Self {
        let collections = collections
            .into_iter()
            .map(|(collection, support)| CollectionSupport {
                collection: collection.to_owned(),
                support,
            })
            .collect();
        Self {
            vendor: vendor.to_owned(),
            collections,
        }
    }
}

/// One connection of a system API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionInfo {
    /// Its name in paths, such as `main`.
    #[schema(example = "main")]
    pub name: String,
    /// Its name in records and cross-references, such as `erp/main`.
    #[schema(example = "erp/main")]
    pub connection: String,
    /// The vendor, and what it can do.
    pub capabilities: Capabilities,
}
