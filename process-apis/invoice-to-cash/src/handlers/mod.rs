//! One folder a noun, one file an operation.

pub mod invoice_notice;
