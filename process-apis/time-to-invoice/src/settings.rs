//! Settings of the time-to-invoice API; `config/time-to-invoice-process-api/default.toml` explains every key.

use std::collections::BTreeMap;

use canonical_model::Minutes;
use chassis::{AuthSettings, HttpSettings, TelemetrySettings};
use egress::{ClientSettings, IdentitySettings};
use persistence::DatabaseSettings;
use process_engine::EngineSettings;
use process_serving::feed::FeedSettings;
use serde::Deserialize;
use validator::Validate;

use crate::validation::Limits;

/// Everything that can be set.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where it listens.
    #[validate(nested)]
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
    /// How the PSA is followed.
    #[validate(nested)]
    pub intake: Intake,
    /// How work gets into the books.
    #[validate(nested)]
    pub posting: Posting,
    /// When what is charged.
    #[validate(nested)]
    pub billing: Billing,
}

impl chassis::Settings for Settings {
    const BINARY: &'static str = "time-to-invoice-process-api";
    const DEFAULTS: &'static str = include_str!("../../../config/time-to-invoice-process-api/default.toml");
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

/// Addresses of the process APIs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessAddresses {
    /// control-process-api.
    pub control: ClientSettings,
    /// quote-to-project-process-api, whose events say what was agreed about each project.
    pub quote_to_project: ClientSettings,
}

/// Which connection serves which part of the firm.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Routing {
    /// The PSA whose approved work is taken in.
    pub psa: String,
    /// The ERP of every legal entity that has none of its own below.
    pub erp: String,
    /// Legal entity (canonical code) to ERP connection.
    #[serde(default)]
    pub erp_by_legal_entity: BTreeMap<String, String>,
}

/// How the PSA is followed.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Intake {
    /// `time-entries/changes`.
    #[validate(nested)]
    pub time_entries: FeedSettings,
    /// `expenses/changes`.
    #[validate(nested)]
    pub expenses: FeedSettings,
    /// `milestones/changes`.
    #[validate(nested)]
    pub milestones: FeedSettings,
    /// Days back that the sweep lists again, with every older day whose lines moved within them.
    #[validate(range(min = 1, max = 400))]
    pub sweep_days: u32,
    /// Hours between two sweeps.
    #[validate(range(min = 1, max = 168))]
    pub sweep_interval_hours: u32,
}

/// How work gets into the books.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Posting {
    /// Lines of a batch at most.
    #[validate(range(min = 1, max = 1000))]
    pub batch_size: u32,
    /// Batches of one project and kind that are under way at once, at most.
    #[validate(range(min = 1, max = 1000))]
    pub batches_at_once: u32,
    /// Pause between two looks for waiting lines, in milliseconds.
    #[validate(range(min = 20, max = 600_000))]
    pub interval_ms: u64,
    /// How long a line may wait for others of its project before its batch is begun, in milliseconds.
    #[validate(range(max = 600_000))]
    pub gather_ms: u64,
    /// Longest note that the ERP takes, in characters.
    #[validate(range(min = 1, max = 1_000_000))]
    pub note_characters: usize,
    /// Most minutes of one entry.
    #[validate(range(min = 1, max = 1440))]
    pub minutes_a_day: i64,
    /// How long periods, projects and people of the ERP are believed, in seconds.
    #[validate(range(max = 3600))]
    pub believe_s: u64,
}

impl Posting {
    /// The limits that lines are checked against.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            note_characters: self.note_characters,
            minutes_a_day: Minutes::new(self.minutes_a_day),
        }
    }
}

/// When time and materials are charged without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// For each calendar month.
    Monthly,
    /// For each week, Monday to Sunday.
    Weekly,
    /// Only when asked for.
    OnRequest,
}

/// Which day an invoice bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceDate {
    /// The day it is made.
    Today,
    /// The last day that it charges for.
    PeriodEnd,
}

/// When what is charged.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Billing {
    /// When time and materials are charged without being asked for.
    pub schedule: Schedule,
    /// Days after the end of a period that late time is waited for.
    #[validate(range(max = 60))]
    pub grace_days: u32,
    /// Which day a scheduled invoice bears.
    pub invoice_date: InvoiceDate,
    /// Pause between two looks for what is due, in milliseconds.
    #[validate(range(min = 100, max = 86_400_000))]
    pub interval_ms: u64,
}
