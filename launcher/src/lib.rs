//! Fairlead in one process: every API from the same libraries as the twelve binaries, the development set-up with the
//! vendors' twins (or a real Tryton as the ERP), and the demonstration that plays one deal from won to paid.

pub mod audit;
mod books;
mod callers;
pub mod deals;
mod demo;
mod development;
mod platform;
mod story;
mod tryton;

pub use callers::Finance;
pub use demo::{addresses, demo};
pub use development::{BINARIES, Development, Erp};
pub use platform::Platform;
pub use story::{Say, Story, Told};
pub use tryton::{Installation, Server as TrytonServer};
