//! Settings of this API; `config/client-portal-experience-api/default.toml` explains every key.

use chassis::{AuthSettings, HttpSettings, SessionSettings, TelemetrySettings};
use egress::{ClientSettings, IdentitySettings};
use serde::Deserialize;
use validator::Validate;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it listens.
    #[validate(nested)]
    pub http: HttpSettings,
    /// Whose tokens it takes.
    #[validate(nested)]
    pub auth: AuthSettings,
    /// Logs and traces.
    pub telemetry: TelemetrySettings,
    /// How people sign in.
    pub sessions: SessionSettings,
    /// Who it is towards the APIs that it calls.
    pub identity: IdentitySettings,
    /// The APIs that it calls.
    pub processes: ProcessAddresses,
}

impl chassis::Settings for Settings {
    const BINARY: &'static str = "client-portal-experience-api";
    const DEFAULTS: &'static str = include_str!("../../../config/client-portal-experience-api/default.toml");
}

/// Addresses of the APIs that are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessAddresses {
    /// insight-process-api.
    pub insight: ClientSettings,
}
