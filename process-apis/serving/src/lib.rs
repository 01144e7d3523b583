//! The endpoints that every process API shares.
pub mod event_feed;
pub mod feed;
