//! The operations desk: what waits for people over all processes, how processes stand, and what was decided.

mod handlers;
mod pages;
mod permissions;
mod routes;
mod running;
mod settings;
mod state;
pub mod view;

pub use routes::{contract, routes};
pub use running::{Running, run};
pub use settings::Settings;
