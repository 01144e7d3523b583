//! Mappings of reference data.

pub mod list;
pub mod remove;
pub mod set;
