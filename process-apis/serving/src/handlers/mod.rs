//! One folder a noun, one file an operation.

pub(crate) mod event;
pub(crate) mod exception;
pub(crate) mod exception_group;
pub(crate) mod instance;
pub(crate) mod pause;
