//! One handler a file.

pub mod deal_notice;
