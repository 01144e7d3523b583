//! Planned time of people, from the PSA to CRM and ERP. Begin with [`process`].

pub mod process;
mod steps;
pub mod store;

pub use process::{AllocationSync, NAME, definition};
