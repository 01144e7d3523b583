//! The endpoints that every process API shares.
pub mod feed;
