//! One folder a noun, one file an operation.

pub(crate) mod invoice_notice;
