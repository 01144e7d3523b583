//! Exceptions.

pub mod assign;
pub mod list;
pub mod read;
pub mod resolve;
