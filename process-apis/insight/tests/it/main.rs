//! The API as it is started, and its store on both engines.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

mod api;
mod scope;
mod store;
