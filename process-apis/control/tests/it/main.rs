//! The API as it is started, and its stores on both engines; the desk over running processes is played in `tests/`.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

mod api;
mod audit;
mod stores;
