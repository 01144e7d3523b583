//! Facts.

pub mod list;
