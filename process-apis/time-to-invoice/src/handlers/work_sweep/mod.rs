//! Comparisons of the PSA with what is posted.

pub(crate) mod create;
