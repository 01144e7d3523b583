//! Posting lines: approved work on its way into the books.

pub(crate) mod list;
pub(crate) mod sum;
