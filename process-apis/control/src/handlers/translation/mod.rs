//! Translations by mappings.

pub mod query;
