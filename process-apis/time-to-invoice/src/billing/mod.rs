//! What is posted or agreed becomes an invoice.

pub mod process;
pub mod start;
mod steps;
