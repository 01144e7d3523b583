//! Translations by mappings.

pub(crate) mod query;
