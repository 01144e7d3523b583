//! Running and ended processes.

pub(crate) mod list;
pub(crate) mod read;
