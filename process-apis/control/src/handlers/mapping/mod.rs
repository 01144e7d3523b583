//! Mappings of reference data.

pub(crate) mod list;
pub(crate) mod remove;
pub(crate) mod set;
