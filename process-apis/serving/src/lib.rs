//! The endpoints that every process API shares.
