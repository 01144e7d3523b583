//! The dashboard.

pub(crate) mod read;
pub(crate) mod stream;
