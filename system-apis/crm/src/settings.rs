//! Settings; `config/crm-system-api/default.toml` explains every key.

use chassis::{AuthSettings, HttpSettings, TelemetrySettings};
use serde::Deserialize;
use validator::{Validate, ValidationError, ValidationErrors};

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
    #[validate(nested)]
    pub telemetry: TelemetrySettings,
    /// The systems behind it.
    #[validate(nested)]
    pub connections: Vec<Connection>,
}

impl chassis::Settings for Settings {
    const BINARY: &'static str = "crm-system-api";
    const DEFAULTS: &'static str = include_str!("../../../config/crm-system-api/default.toml");
}

/// One system behind the API.
#[derive(Debug, Clone, Deserialize, Validate)]
pub struct Connection {
    /// Its name in paths; `main` is `crm/main` everywhere else.
    #[validate(length(min = 1, max = 40), custom(function = "is_word"))]
    pub name: String,
    /// What it is. The vendor's own keys stand beside `name` and `vendor`.
    #[serde(flatten)]
    #[validate(nested)]
    pub vendor: Vendor,
}

/// A vendor's settings, told apart by the key `vendor`. When you add a vendor, add it here and in `connect`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "vendor", rename_all = "kebab-case")]
pub enum Vendor {
    /// `vendor = "salesforce"`; see `config/vendors/salesforce.toml`.
    #[serde(rename = "salesforce")]
    Salesforce(Box<salesforce_connector::Settings>),
    /// `vendor = "tryton"`; see `config/vendors/tryton.toml`.
    #[serde(rename = "tryton")]
    Tryton(Box<tryton_connector::Settings>),
}

impl Validate for Vendor {
    fn validate(&self) -> Result<(), ValidationErrors> {
        match self {
            Self::Salesforce(settings) => settings.validate(),
            Self::Tryton(settings) => settings.validate(),
        }
    }
}

fn is_word(name: &str) -> Result<(), ValidationError> {
    if name
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    {
        return Ok(());
    }
    let error = ValidationError::new("word");
    Err(error.with_message("must consist of small letters, digits and hyphens".into()))
}
