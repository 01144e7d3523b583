//! The operations desk.

pub mod view;
