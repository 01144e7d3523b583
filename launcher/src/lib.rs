//! Fairlead in one process: every API from the same libraries as the twelve binaries, the development set-up with the
//! vendors' twins, and the demonstration that plays one deal from won to paid.

mod callers;
pub mod deals;
mod demo;
mod development;
mod platform;
mod story;

pub use callers::Finance;
pub use demo::{addresses, demo};
pub use development::{BINARIES, Development};
pub use platform::Platform;
pub use story::{Say, Story, Told};
