//! Events.

pub(crate) mod list;
