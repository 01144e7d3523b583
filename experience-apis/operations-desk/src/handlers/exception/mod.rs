//! Exceptions.

pub(crate) mod assign;
pub(crate) mod list;
pub(crate) mod read;
pub(crate) mod resolve;
