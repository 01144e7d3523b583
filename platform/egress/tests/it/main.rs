//! What egress promises, against a server that keeps to a script.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where it fails, in its helpers too"
)]

mod identity;
mod limits;
mod outcomes;
mod peer;
mod problems;
mod secrets;
mod transport;
