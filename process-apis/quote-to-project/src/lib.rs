//! Quote-to-Project Process API: from a won deal to a staffed project, and planned time to CRM and ERP.
//!
//! The processes are in [`conversion::process`] and [`allocation::process`]; what a deal asks for is derived in [`plan`].

pub mod allocation;
pub mod conversion;
pub mod handlers;
pub mod intake;
pub mod owners;
pub mod permissions;
pub mod plan;
pub mod records;
pub mod references;
mod routes;
mod running;
pub mod services;
pub mod settings;
pub mod state;
pub mod systems;
pub mod unreadable;

pub use routes::{contract, routes};
pub use running::{Running, migrate, run, services};
pub use services::Services;
pub use settings::Settings;
pub use state::QuoteToProject;

/// What a step of this API works with.
pub type Ctx = process_engine::StepContext<Services>;
