//! Matching of accounts.

pub mod create;
pub mod rule;
