//! Wishes for people.

pub(crate) mod list;
