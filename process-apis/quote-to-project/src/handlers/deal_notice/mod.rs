//! Notices that a deal may have been won.

pub mod create;
