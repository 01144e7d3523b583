//! Time-to-Invoice Process API: approved time and expenses into the books, and from there to invoices.
//!
//! The processes are in [`posting::process`], [`billing::process`], [`reversal::process`] and [`correction`]; what a change
//! of the PSA means is decided in [`news`], what a line is checked for in [`validation`], what an invoice says in [`charge`].

pub mod billing;
#[cfg(feature = "simulation")]
pub mod by_hand;
pub mod charge;
mod control;
pub mod correction;
mod dispatch;
pub mod edits;
mod facts;
mod handlers;
pub mod intake;
pub mod line;
pub mod news;
mod permissions;
pub mod posting;
pub mod reversal;
mod routes;
mod running;
mod services;
mod settings;
mod state;
pub mod store;
pub mod sweep;
mod systems;
pub mod validation;
mod writing;

pub use routes::{contract, routes};
pub use running::{Running, migrate, run, services};
pub use services::Services;
pub use settings::Settings;
pub use state::{MIGRATIONS, TimeToInvoice};

/// What a step of this API works with.
pub type Ctx = process_engine::StepContext<Services>;
