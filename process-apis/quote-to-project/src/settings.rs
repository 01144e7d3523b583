//! Settings of the quote-to-project API; `config/quote-to-project-process-api/default.toml` explains every key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use canonical_model::Ownership;
use chassis::{AuthSettings, HttpSettings, TelemetrySettings};
use chrono::NaiveDate;
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
    /// Addresses of the system APIs.
    pub systems: SystemAddresses,
    /// Addresses of the process APIs.
    pub processes: ProcessAddresses,
    /// Which connection serves which part of the firm.
    pub routing: Routing,
    /// How the change feeds are followed.
    #[validate(nested)]
    pub feeds: Feeds,
    /// Which deals are taken up.
    #[serde(default)]
    pub deals: DealSettings,
    /// What holds for every contract of the firm.
    #[serde(default)]
    pub terms: TermSettings,
    /// Who owns which field.
    #[serde(default)]
    pub ownership: OwnershipSettings,
}

impl chassis::Settings for Settings {
    const BINARY: &'static str = "quote-to-project-process-api";
    const DEFAULTS: &'static str = include_str!("../../../config/quote-to-project-process-api/default.toml");
}

/// Addresses of the system APIs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemAddresses {
    /// crm-system-api.
    pub crm: ClientSettings,
    /// erp-system-api.
    pub erp: ClientSettings,
    /// psa-system-api.
    pub psa: ClientSettings,
}

/// Addresses of the process APIs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessAddresses {
    /// control-process-api.
    pub control: ClientSettings,
}

/// Which connection serves which part of the firm.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// The CRM whose deals are taken up.
    pub crm: String,
    /// The PSA that delivers.
    pub psa: String,
    /// The ERP of every legal entity that has none of its own below.
    pub erp: String,
    /// Legal entity (canonical code) to ERP connection.
    #[serde(default)]
    pub erp_by_legal_entity: BTreeMap<String, String>,
}

/// How the change feeds are followed.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Feeds {
    /// `opportunities/changes` of the CRM.
    #[validate(nested)]
    pub deals: FeedSettings,
    /// `assignments/changes` of the PSA.
    #[validate(nested)]
    pub assignments: FeedSettings,
}

/// Which deals are taken up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DealSettings {
    /// Deals that closed before this day were converted by hand, and are left alone when the feed shows them.
    #[serde(default)]
    pub closed_since: Option<NaiveDate>,
}

/// What holds for every contract of the firm.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermSettings {
    /// Clients pay only against a purchase order.
    #[serde(default)]
    pub purchase_order_required: bool,
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
