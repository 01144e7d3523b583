//! Notices that work may have changed in the PSA.

pub(crate) mod create;
