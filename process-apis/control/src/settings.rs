//! Settings of the control API; `config/control-process-api/default.toml` explains every key.

use std::path::PathBuf;

use canonical_model::Ownership;
use chassis::{AuthSettings, HttpSettings, TelemetrySettings};
use egress::{ClientSettings, IdentitySettings};
use persistence::DatabaseSettings;
use serde::Deserialize;
use validator::Validate;

use crate::heads::AuditSettings;
use crate::reconciliation::ReconciliationSettings;

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
    /// The process APIs whose exceptions and decisions come together here.
    pub processes: ProcessAddresses,
    /// The system APIs whose records are compared.
    pub systems: SystemAddresses,
    /// Tree heads of the audit log.
    #[validate(nested)]
    pub audit: AuditSettings,
    /// Who owns which field.
    #[serde(default)]
    pub ownership: OwnershipSettings,
    /// How and when PSA, journal and ERP are compared.
    #[validate(nested)]
    pub reconciliation: ReconciliationSettings,
}

impl chassis::Settings for Settings {
    const BINARY: &'static str = "control-process-api";
    const DEFAULTS: &'static str = include_str!("../../../config/control-process-api/default.toml");
}

/// Addresses of the system APIs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemAddresses {
    /// erp-system-api.
    pub erp: ClientSettings,
    /// psa-system-api.
    pub psa: ClientSettings,
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

impl ProcessAddresses {
    /// Names and addresses.
    #[must_use]
    pub fn all(&self) -> [(&'static str, &ClientSettings); 3] {
        [
            ("quote-to-project", &self.quote_to_project),
            ("time-to-invoice", &self.time_to_invoice),
            ("invoice-to-cash", &self.invoice_to_cash),
        ]
    }
}

/// Who owns which field.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnershipSettings {
    /// A file in the form of `config/ownership.toml`; absent = the rules that were built in from there.
    #[serde(default)]
    pub file: Option<PathBuf>,
}

/// The rules as they were built in.
const BUILT_IN: &str = include_str!("../../../config/ownership.toml");

impl OwnershipSettings {
    /// Reads the rules.
    ///
    /// # Errors
    /// The file is not there or is no list of rules.
    pub fn load(&self) -> anyhow::Result<Ownership> {
        let text = match &self.file {
            None => BUILT_IN.to_owned(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| anyhow::anyhow!("{} cannot be read: {error}", path.display()))?,
        };
        Ok(toml::from_str(&text)?)
    }
}
