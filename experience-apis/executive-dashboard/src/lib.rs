//! The executive dashboard: what insight and control say, as one view for the firm's leaders, live.

mod handlers;
mod live;
mod page;
mod parts;
mod permissions;
mod routes;
mod running;
mod settings;
mod sources;
mod state;
pub mod view;

pub use routes::{contract, routes};
pub use running::{Running, run};
pub use settings::Settings;
