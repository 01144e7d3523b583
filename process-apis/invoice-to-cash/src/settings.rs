//! Settings of the invoice-to-cash API; `config/invoice-to-cash-process-api/default.toml` explains every key.

use chassis::{AuthSettings, HttpSettings, TelemetrySettings};
use egress::{ClientSettings, IdentitySettings};
use persistence::DatabaseSettings;
use process_engine::EngineSettings;
use process_serving::feed::FeedSettings;
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
    /// Workers and retries.
    pub engine: EngineSettings,
    /// Who it is towards the APIs that it calls.
    pub identity: IdentitySettings,
    /// The system APIs that it calls.
    pub systems: SystemAddresses,
    /// The process APIs that it calls.
    pub processes: ProcessAddresses,
    /// Which connections it works with.
    #[validate(nested)]
    pub routing: Routing,
    /// How the change feeds are followed.
    #[validate(nested)]
    pub feeds: Feeds,
    /// What sales sees on the account.
    #[validate(nested)]
    pub accounts: AccountSettings,
}

impl chassis::Settings for Settings {
    const BINARY: &'static str = "invoice-to-cash-process-api";
    const DEFAULTS: &'static str = include_str!("../../../config/invoice-to-cash-process-api/default.toml");
}

/// The system APIs that are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemAddresses {
    /// crm-system-api.
    pub crm: ClientSettings,
    /// erp-system-api.
    pub erp: ClientSettings,
}

/// The process APIs that are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessAddresses {
    /// control-process-api.
    pub control: ClientSettings,
    /// insight-process-api.
    pub insight: ClientSettings,
}

/// Which connections it works with.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// The CRM whose accounts are told.
    #[validate(length(min = 1, max = 100))]
    pub crm: String,
    /// Every ERP whose invoices and payments are followed.
    #[validate(length(min = 1, max = 50))]
    pub erps: Vec<String>,
}

/// How the change feeds are followed.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// `invoices/changes` of each ERP.
    #[validate(nested)]
    pub invoices: FeedSettings,
    /// `payments/changes` of each ERP.
    #[validate(nested)]
    pub payments: FeedSettings,
}

/// What sales sees on the account.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct AccountSettings {
    /// How long a step waits for insight to know the invoice, so that the margin includes it, in seconds.
    #[validate(range(min = 0, max = 600))]
    pub wait_for_insight_s: i64,
}
