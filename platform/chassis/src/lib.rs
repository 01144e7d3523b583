//! The inbound half of every binary: settings, telemetry, the HTTP server, tokens, problem+json, contracts, sessions.
//!
//! An API brings its routes, its contract and its state; everything that callers may expect of every API alike comes
//! from here. The chassis knows nothing of what an API is about, and calls nobody but the issuer of tokens.

mod auth;
mod command;
mod contract;
mod correlation;
mod extract;
mod fallback;
mod open;
mod problem;
mod secret;
mod server;
pub mod session;
mod settings;
mod telemetry;
mod tls;
mod watch;

pub use auth::{Allowed, Caller, Permission, Role};
pub use command::{Command, command, print_contract};
pub use contract::{contract, contract_with};
pub use correlation::{CORRELATION, CorrelationId, current_correlation_id};
pub use extract::{IdempotencyKey, Valid, ValidQuery};
pub use open::Readiness;
pub use problem::{Handled, Problem, ProblemBody};
pub use secret::Reference;
#[cfg(feature = "simulation")]
pub use server::InProcess;
pub use server::{
    Api, Extras, PutData, RunningApi, Stopping, serve, serve_with, start, start_with, told_to_stop,
};
pub use session::SessionSettings;
pub use settings::{
    AuthSettings, HttpSettings, LogFormat, Settings, TelemetrySettings, TlsSettings, check_settings, load,
    load_with,
};
pub use telemetry::{TelemetryGuard, start_telemetry};
