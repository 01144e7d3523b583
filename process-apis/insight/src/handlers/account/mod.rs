//! Accounts.

pub(crate) mod margin;
