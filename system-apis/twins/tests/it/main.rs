//! The twins over HTTP, as their vendors' clients see them.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands"
)]

mod core;
mod firm;
mod kantata;
mod netsuite;
mod openid;
mod salesforce;
