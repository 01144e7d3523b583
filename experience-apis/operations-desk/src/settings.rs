//! Settings of the desk; `config/operations-desk-experience-api/default.toml` explains every key.

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
    const BINARY: &'static str = "operations-desk-experience-api";
    const DEFAULTS: &'static str =
        include_str!("../../../config/operations-desk-experience-api/default.toml");
}

/// Addresses of the APIs that are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessAddresses {
    /// control-process-api.
    pub control: ClientSettings,
    /// quote-to-project-process-api.
    pub quote_to_project: ClientSettings,
    /// time-to-invoice-process-api.
    pub time_to_invoice: ClientSettings,
    /// invoice-to-cash-process-api.
    pub invoice_to_cash: ClientSettings,
}

impl ProcessAddresses {
    /// Names and addresses of the APIs with instances.
    #[must_use]
    pub fn with_instances(&self) -> [(&'static str, &ClientSettings); 3] {
        [
            ("quote-to-project", &self.quote_to_project),
            ("time-to-invoice", &self.time_to_invoice),
            ("invoice-to-cash", &self.invoice_to_cash),
        ]
    }
}
