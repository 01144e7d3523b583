//! Invoices.

pub mod list;
