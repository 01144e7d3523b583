//! Connections that are paused.

pub(crate) mod list;
