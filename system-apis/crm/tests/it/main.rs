//! The CRM System API before the Salesforce twin.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

mod contract;
mod office;
mod records;
