//! The shared endpoints over a PSA that keeps its records in memory, called by the client that processes use.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where it fails, in its helpers too"
)]

mod access;
mod client;
mod memory;
mod refusals;
