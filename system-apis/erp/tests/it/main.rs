//! The ERP System API before the NetSuite twin.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

mod contract;
mod office;
mod records;
