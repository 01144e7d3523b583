//! The API as it is started, without the systems behind it; the loop itself is played in `tests/` of the workspace.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where it fails, in its helpers too"
)]

mod api;
mod faults;
mod store;
mod world;
