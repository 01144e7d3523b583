//! Who is wanted.

pub(crate) mod list;
