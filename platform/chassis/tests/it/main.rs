//! The chassis as its callers meet it: a real server on a free port, an issuer with real keys.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test ends where it fails, in its helpers too"
)]

mod auth;
mod contract;
mod refusals;
mod serving;
mod sessions;
mod settings;
mod support;
mod telemetry;
