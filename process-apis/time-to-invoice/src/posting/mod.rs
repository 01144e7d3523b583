//! Approved time and expenses into the books, in batches.

pub mod draft;
pub mod place;
pub mod process;
pub mod references;
pub(crate) mod send;
mod steps;
