//! Cross-references.

pub(crate) mod note;
pub(crate) mod query;
