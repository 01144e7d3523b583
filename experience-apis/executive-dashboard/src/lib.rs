//! The executive dashboard.

pub mod view;
