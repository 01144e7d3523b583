//! What one client may see of its projects and invoices.

mod handlers;
mod page;
mod permissions;
mod routes;
mod running;
mod settings;
mod state;
pub mod view;

pub use routes::{contract, routes};
pub use running::{Running, run};
pub use settings::Settings;
