//! Outbound HTTP: the only place that builds HTTP clients.
//!
//! A client talks to one system. It keeps to the hosts that were allowed, follows no redirect, has a limit on every
//! time and size, and logs no body, token or query value. It says of every failure whether the request may have been
//! applied; it repeats reads at most twice and a write only after a 401. It does not decide what a status means: any
//! answer that arrived is handed to the connector.

mod authorize;
mod client;
mod client_credentials;
mod client_settings;
mod correlation;
mod problem;
mod repeats;
mod request;
mod response;
mod retry_after;
mod secret;
mod settings;
#[cfg(feature = "simulation")]
pub mod simulation;
mod token;
mod wire_log;

pub use authorize::{Authorizer, BearerToken};
pub use client::{HttpClient, pause};
pub use client_credentials::{ClientCredentials, ClientCredentialsSettings, IdentitySettings};
pub use client_settings::ClientSettings;
pub use correlation::{CORRELATION_HEADER, current_correlation_id, with_correlation};
pub use problem::failure_from_problem;
pub use request::{Body, Kind, Request, segment};
pub use response::Response;
pub use retry_after::retry_after_ms;
pub use secret::SecretRef;
pub use settings::EgressSettings;
pub use token::{Token, TokenCache};
