//! Tests of the time-to-invoice API: its contract, its store on both engines, and its processes against systems that
//! are played by the test.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it fails, and its helpers with it"
)]

mod contract;
mod faults;
mod processes;
mod records;
mod reversals;
mod store;
mod world;
