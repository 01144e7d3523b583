//! From invoices and payments to what sales sees of them.

mod account_standing;
mod feeds;
mod handlers;
pub mod invoice_feedback;
pub mod parties;
pub mod payment_feedback;
mod routes;
mod running;
pub mod services;
mod settings;
pub mod standing;
mod state;
pub mod turns;

pub use routes::{contract, routes};
pub use running::{Running, migrate, run, services};
pub use settings::Settings;
pub use state::InvoiceToCash;
