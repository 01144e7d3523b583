//! The connector against the Kantata twin.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail where it stands"
)]

mod account;
mod conformance;
mod cycle;
mod failures;
mod lost_answers;
mod page_shift;
