//! Ownership of fields.

pub mod check;
