//! The endpoints that every system API shares.
