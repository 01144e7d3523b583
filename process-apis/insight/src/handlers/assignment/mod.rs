//! Who is placed.

pub(crate) mod list;
