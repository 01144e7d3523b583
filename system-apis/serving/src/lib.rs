//! The endpoints that every system API shares.
//!
//! A system API is its connections and its collections, and each collection has the same six operations over its own
//! record. [`connections`] and [`collection`] are services: registering one serves the operations and puts them into
//! the contract in one go, so that neither can be forgotten. Nothing here knows a vendor.

mod answers;
mod batch;
mod collection;
mod connections;
mod contract;
mod costs;
mod has;
mod permission;
mod query;
mod read;
mod schemas;
mod system;
mod write;

use canonical_model::Resource;
use utoipa::ToSchema;
use validator::Validate;

pub use collection::{CollectionService, collection};
pub use connections::{ConnectionsService, connections};
pub use has::Has;
pub use permission::{CostRatesRead, RecordsRead, RecordsWrite};
pub use system::System;

/// What a record needs to be served: its name, its schema, its rules.
pub trait Record: Resource + ToSchema + Validate {}

impl<T: Resource + ToSchema + Validate> Record for T {}

/// The groups of operations of every system API, as (name, description).
pub const TAGS: [(&str, &str); 2] = [
    (
        "connections",
        "The systems behind this API: one connection each, with what its vendor can do.",
    ),
    (
        "records",
        "Canonical records of one connection. What a vendor cannot do is refused with `capability_absent`, never skipped.",
    ),
];
