//! The tree against published vectors and a second implementation, and exports that somebody changed.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where it fails"
)]

mod tampering;
mod trees;
