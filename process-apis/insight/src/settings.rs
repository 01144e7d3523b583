//! Settings of the insight API; `config/insight-process-api/default.toml` explains every key.

use chassis::{AuthSettings, HttpSettings, TelemetrySettings};
use egress::{ClientSettings, IdentitySettings, SecretRef};
use persistence::DatabaseSettings;
use serde::Deserialize;
use validator::Validate;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it listens.
    pub http: HttpSettings,
    /// Whose tokens it takes.
    pub auth: AuthSettings,
    /// Logs and traces.
    pub telemetry: TelemetrySettings,
    /// Its own database.
    pub database: DatabaseSettings,
    /// Who it is towards the APIs that it calls.
    pub identity: IdentitySettings,
    /// The process APIs whose facts it follows.
    pub processes: ProcessAddresses,
    /// Where rates come from.
    pub systems: SystemAddresses,
    /// Which connections hold the rates.
    pub routing: Routing,
    /// Cost rates.
    #[validate(nested)]
    pub costs: CostSettings,
    /// What was agreed about time.
    #[validate(nested)]
    pub sla: SlaSettings,
}

impl chassis::Settings for Settings {
    const BINARY: &'static str = "insight-process-api";
    const DEFAULTS: &'static str = include_str!("../../../config/insight-process-api/default.toml");
}

/// Addresses of the process APIs that are followed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessAddresses {
    /// quote-to-project-process-api.
    pub quote_to_project: ClientSettings,
    /// time-to-invoice-process-api.
    pub time_to_invoice: ClientSettings,
    /// invoice-to-cash-process-api.
    pub invoice_to_cash: ClientSettings,
}

/// Addresses of the system APIs that hold rates.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemAddresses {
    /// erp-system-api, for exchange rates.
    pub erp: ClientSettings,
    /// psa-system-api, for cost rates.
    pub psa: ClientSettings,
}

/// Connections that hold the rates.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// Of the ERP.
    pub erp: String,
    /// Of the PSA.
    pub psa: String,
}

/// Cost rates.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct CostSettings {
    /// Key under which cost rates are encrypted at rest: 32 bytes in base64.
    pub encryption_key: SecretRef,
    /// Pause between two readings of all rates, in seconds.
    #[validate(range(min = 5, max = 86_400))]
    pub refresh_s: u64,
}

/// What was agreed about time.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct SlaSettings {
    /// Approved time is in the books within so many hours.
    #[validate(range(min = 1, max = 1000))]
    pub posting_hours: i64,
}
