//! Golden records.

pub mod list;
pub mod read;
