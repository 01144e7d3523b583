//! What values of systems stand for.

pub(crate) mod set;
