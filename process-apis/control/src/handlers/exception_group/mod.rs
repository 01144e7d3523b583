//! Exceptions of one cause.

pub mod list;
pub mod resolve;
