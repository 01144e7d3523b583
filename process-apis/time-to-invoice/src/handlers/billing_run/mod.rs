//! Billing runs: invoices that are asked for, and what became of them.

pub(crate) mod create;
pub(crate) mod list;
