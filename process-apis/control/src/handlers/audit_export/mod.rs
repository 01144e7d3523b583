//! The audit log as a file that can be checked without us.

pub(crate) mod read;
