//! The exception desk: what waits for a person, how it is grouped, and what a person can do about it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{CanonicalId, Failure, Money};

/// Where an exception stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionState {
    /// Nobody has it yet.
    Open,
    /// Somebody has it.
    Assigned,
    /// The work is tried again.
    Retrying,
    /// The work went through.
    Resolved,
    /// A person decided that the work shall not be done, and said why.
    Skipped,
}

/// What exceptions of one group have in common: fixing it once lets all of them be tried again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ExceptionCause {
    /// The failure's code, such as `role_not_mapped`.
    pub code: String,
    /// What it is about, such as `role:kantata/main:117`; empty where the code says it all.
    #[serde(default)]
    pub subject: String,
}

/// One piece of work that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExceptionRecord {
    /// Its id.
    pub id: CanonicalId,
    /// The process that stopped, such as `time-posting`.
    pub process: String,
    /// The instance that stopped.
    pub instance_id: CanonicalId,
    /// The step it stopped at.
    pub step: String,
    /// The business object, such as `time_entry kantata/main 4711`.
    pub business_key: String,
    /// What a person calls it.
    pub title: String,
    /// What stopped it.
    pub failure: Failure,
    /// By which it is grouped.
    pub cause: ExceptionCause,
    /// The role that can resolve it.
    pub owner_role: String,
    /// The person who has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// Money that waits with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_at_risk: Option<Money>,
    /// The legal entity (canonical code), where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<String>,
    /// The region, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where it stands.
    pub state: ExceptionState,
    /// When it was opened.
    pub opened_at: DateTime<Utc>,
    /// By when it shall be resolved.
    pub due_at: DateTime<Utc>,
    /// When it was resolved or skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
    /// How it was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<Resolution>,
    /// Correlates with logs, traces and vendor writes.
    pub correlation_id: String,
}

/// Exceptions of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExceptionGroup {
    /// The cause.
    pub cause: ExceptionCause,
    /// What it says, of one of them.
    pub message: String,
    /// The role that can resolve it.
    pub owner_role: String,
    /// How many are not closed.
    pub open: u64,
    /// Money that waits with them, one sum a currency.
    pub money_at_risk: Vec<Money>,
    /// When the first was opened.
    pub oldest_at: DateTime<Utc>,
    /// When the first is due.
    pub due_at: DateTime<Utc>,
}

/// What a person does about an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResolutionAction {
    /// Try the step again; the cause was mended elsewhere.
    Retry,
    /// Try again with an answer that the step asked for.
    Answer,
    /// Do not do the step, for the reason given, and go on.
    Skip,
    /// Take back what was done.
    Compensate,
}

/// A person's decision about an exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// What to do.
    pub action: ResolutionAction,
    /// Why; required to skip and to compensate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub reason: Option<String>,
    /// The answer, for the step to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<serde_json::Value>,
}
