//! Invoices.

pub(crate) mod list;
