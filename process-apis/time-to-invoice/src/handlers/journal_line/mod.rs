//! Posting lines as they are compared with PSA and ERP.

pub(crate) mod list;
