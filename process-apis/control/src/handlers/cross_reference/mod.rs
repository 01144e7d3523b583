//! Cross-references.

pub mod note;
pub mod query;
