//! The process from a won deal to a staffed project. Begin with [`process`].

mod activation;
mod customer;
mod deal;
mod drafts;
pub mod process;
mod project;
mod structure;

pub use process::{Conversion, KEY_PREFIX, NAME, definition};
