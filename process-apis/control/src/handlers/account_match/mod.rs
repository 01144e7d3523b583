//! Matching of accounts.

pub(crate) mod create;
pub(crate) mod rule;
