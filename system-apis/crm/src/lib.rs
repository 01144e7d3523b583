//! CRM System API: one contract in front of any number of CRMs.
//!
//! It translates and passes on: no database, no decision, no retry of a write. Adding a vendor is one variant in
//! [`settings`] and one line in [`connect`].

mod routes;
pub mod settings;
mod state;

use canonical_model::SystemKind;
use chassis::Api;
pub use chassis::RunningApi as Running;

pub use routes::{contract, routes};
pub use settings::{Connection, Settings, Vendor};
pub use state::{State, connect};

/// The kind of system that this API stands before.
pub const KIND: SystemKind = SystemKind::Crm;

/// The API over the connections of its settings. Nothing is called before the first request.
///
/// # Errors
/// When a connection's settings do not hold or its secrets are not available; the text names the connection.
pub async fn build(settings: &Settings) -> anyhow::Result<Api<State>> {
    Ok(Api {
        name: <Settings as chassis::Settings>::BINARY,
        contract,
        routes,
        state: connect(&settings.connections)?,
    })
}

/// Builds and starts the API.
///
/// # Errors
/// As [`build`], and when the port is taken.
pub async fn run(settings: &Settings) -> anyhow::Result<Running> {
    chassis::start(build(settings).await?, &settings.http, &settings.auth)
}
