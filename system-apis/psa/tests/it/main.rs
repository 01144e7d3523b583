//! The PSA System API before the Kantata twin.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

mod contract;
mod office;
mod records;
