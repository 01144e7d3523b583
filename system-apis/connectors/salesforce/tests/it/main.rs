//! The connector against the Salesforce twin.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets nothing where it expects something shall fail"
)]

mod conformance;
mod failures;
mod lost_answers;
mod mapping;
mod org;
mod page_shift;
