//! From a won deal to a staffed project.

pub mod plan;
