//! Control: golden records, cross-references, reference data, ownership, the exception desk, reconciliation, the audit
//! log.

pub mod audit;
pub mod desk;
mod desk_commands;
mod follow;
pub mod golden;
mod handlers;
mod heads;
pub mod mappings;
pub mod matching;
mod permissions;
pub mod reconciliation;
pub mod references;
mod routes;
mod running;
mod settings;
mod state;

pub use routes::{contract, routes};
pub use running::{Running, migrate, run};
pub use settings::Settings;
pub use state::{Control, MIGRATIONS};
