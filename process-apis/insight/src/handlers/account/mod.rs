//! Accounts.

pub mod margin;
