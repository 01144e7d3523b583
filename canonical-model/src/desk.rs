//! The exception desk: what waits for a person, how it is grouped, and what a person can do about it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{CanonicalId, EffectKey, Failure, Money};

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

/// Gives an exception to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct AssignmentRequest {
    /// Who shall have it: a person's subject or e-mail address; absent = nobody any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 200))]
    #[schema(
        min_length = 1,
        max_length = 200,
        example = "anna.keller@northwind-advisory.example"
    )]
    pub assignee: Option<String>,
}

/// One decision about every open exception of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct GroupResolution {
    /// The cause that they have in common.
    pub cause: ExceptionCause,
    /// What to do about each.
    pub resolution: Resolution,
}

/// A decision was recorded; the work goes on behind the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResolutionAccepted {
    /// How many exceptions it is about.
    pub exceptions: u64,
}

/// Where a process instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// A step runs, or is due.
    Running,
    /// For a signal or a time.
    Waiting,
    /// For a person.
    Parked,
    /// What was done is being taken back.
    Compensating,
    /// What was done is taken back.
    Compensated,
    /// All steps are done.
    Completed,
}

/// Where a step of an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceStepState {
    /// Its turn has not come.
    Pending,
    /// It is the one that runs, waits or is parked.
    Current,
    /// Done.
    Done,
    /// A person decided that it shall not be done.
    Skipped,
    /// Done and taken back.
    Undone,
}

/// One effect of a step in a system of record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceEffectView {
    /// Its key, as the vendor's record carries it.
    pub key: EffectKey,
    /// Where it goes, such as `erp/main account`.
    pub target: String,
    /// The record's id there; absent while it is not known to be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// One step of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceStepView {
    /// Its name, such as `ensure_customer`.
    pub name: String,
    /// Where it stands.
    pub state: InstanceStepState,
    /// When it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub attempts: u32,
    /// Compensation would take it back.
    pub undoable: bool,
    /// What it has done, or may have done, in systems of record.
    #[serde(default)]
    pub effects: Vec<InstanceEffectView>,
}

/// A running or ended process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceView {
    /// Its id.
    pub id: CanonicalId,
    /// Which process, such as `quote-to-project`.
    pub process: String,
    /// The version of the process that it began with and ends on.
    pub version: u32,
    /// The business object that it is about; one instance each.
    pub business_key: String,
    /// What a person calls it.
    pub title: String,
    /// Where it stands.
    pub state: InstanceState,
    /// Why it does not go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it last went on.
    pub changed_at: DateTime<Utc>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// Correlates with logs, traces and vendor writes.
    pub correlation_id: String,
    /// Its steps in order; empty in a listing.
    #[serde(default)]
    pub steps: Vec<InstanceStepView>,
}
