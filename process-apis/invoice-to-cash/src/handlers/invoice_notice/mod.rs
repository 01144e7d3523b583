//! Notices about invoices.

pub(crate) mod create;
