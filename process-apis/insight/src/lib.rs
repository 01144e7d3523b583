//! Insight: facts from events, and the key figures that follow from them.

mod book;
pub mod cost;
pub mod facts;
mod follow;
mod handlers;
pub mod kpi;
mod permissions;
mod routes;
mod running;
mod settings;
pub mod staffing;
pub mod standing;
mod state;
pub mod store;

pub use book::Book;
pub use routes::{contract, routes};
pub use running::{Running, migrate, run};
pub use settings::Settings;
pub use state::Insight;
