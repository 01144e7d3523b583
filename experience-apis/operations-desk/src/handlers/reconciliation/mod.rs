//! PSA, journal and ERP compared.

pub(crate) mod certificate;
pub(crate) mod create;
pub(crate) mod differences;
pub(crate) mod list;
pub(crate) mod read;
