//! Facts.

pub(crate) mod list;
