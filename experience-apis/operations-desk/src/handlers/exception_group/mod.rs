//! Exceptions of one cause.

pub(crate) mod list;
pub(crate) mod resolve;
