//! Notices about invoices.

pub mod create;
