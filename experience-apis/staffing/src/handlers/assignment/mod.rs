//! Planned time.

pub(crate) mod list;
