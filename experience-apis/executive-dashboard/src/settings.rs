//! Settings of the dashboard; `config/executive-dashboard-experience-api/default.toml` explains every key.

use std::time::Duration;

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
    /// Where the figures come from.
    pub processes: ProcessAddresses,
    /// How the page is kept fresh.
    #[validate(nested)]
    pub live: LiveSettings,
}

impl chassis::Settings for Settings {
    const BINARY: &'static str = "executive-dashboard-experience-api";
    const DEFAULTS: &'static str =
        include_str!("../../../config/executive-dashboard-experience-api/default.toml");
}

/// Addresses of the APIs that are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessAddresses {
    /// insight-process-api.
    pub insight: ClientSettings,
    /// control-process-api.
    pub control: ClientSettings,
}

/// How the page is kept fresh.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct LiveSettings {
    /// Pause between two looks at the figures.
    #[validate(range(min = 100, max = 3_600_000))]
    pub poll_ms: u64,
    /// A stream ends after so long; its reader connects again.
    #[validate(range(min = 1, max = 86_400))]
    pub stream_s: u64,
    /// How many different selections may be watched at once.
    #[validate(range(min = 1, max = 10_000))]
    pub max_views: usize,
}

impl LiveSettings {
    pub(crate) fn pause(&self) -> Duration {
        Duration::from_millis(self.poll_ms)
    }

    pub(crate) fn longest(&self) -> Duration {
        Duration::from_secs(self.stream_s)
    }
}
