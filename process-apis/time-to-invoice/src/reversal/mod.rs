//! What is posted and not true any more out of the books again, and what is now true in its place.

pub mod plan;
pub mod process;
mod steps;
