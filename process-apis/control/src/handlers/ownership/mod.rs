//! Ownership of fields.

pub(crate) mod check;
