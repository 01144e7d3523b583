//! What people and programs see of instances.

use canonical_model::{CanonicalId, EffectKey, ExceptionState, Failure, Money, Written};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// Waits for a worker, or for the next try.
    Ready,
    /// A worker has it.
    Running,
    /// Waits for a signal or a time.
    Waiting,
    /// Waits for a person.
    Parked,
    /// All steps are done.
    Done,
    /// What was done has been taken back.
    Compensated,
}

/// Where a step of an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not begun.
    Pending,
    /// The one that is due.
    Next,
    /// Done.
    Done,
    /// A person decided that it shall not be done.
    Skipped,
    /// Taken back.
    Undone,
}

/// Where an effect stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    /// Sent, or about to be; the answer is not known.
    Sent,
    /// It happened.
    Applied,
    /// It was refused and did not happen.
    Refused,
    /// It did not happen this time and is sent again.
    Failed,
    /// Nobody knows; a person has to look.
    Unknown,
}

/// An instance of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceSummary {
    /// Its id.
    pub id: CanonicalId,
    /// The process.
    pub process: String,
    /// The version it began with.
    pub version: i64,
    /// What makes it single.
    pub business_key: String,
    /// What a person calls it.
    pub title: String,
    /// Where it stands.
    pub state: InstanceState,
    /// The step that is due; empty when all are done.
    pub step: String,
    /// True while what was done is being taken back.
    pub undoing: bool,
    /// Failed tries of the step.
    pub attempt: i64,
    /// When the next try, the timer or the worker's lease is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<DateTime<Utc>>,
    /// What the last try failed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
    /// The exception it waits with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_id: Option<CanonicalId>,
    /// Money that waits while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money_at_risk: Option<Money>,
    /// Canonical code of the legal entity, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<String>,
    /// The region, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Correlates with logs, traces and vendor writes.
    pub correlation_id: String,
    /// When it was started.
    pub started_at: DateTime<Utc>,
    /// When it last moved.
    pub updated_at: DateTime<Utc>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
}

/// A step of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: StepState,
    /// Whether it can be taken back.
    pub can_undo: bool,
    /// Whether it waits for a signal.
    pub waits: bool,
    /// When it was done, skipped or taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
    /// Tries that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<i64>,
    /// Who skipped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// Why it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A write into a system of record. Also the data of the event `effect.applied`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EffectView {
    /// The key under which the system of record knows it.
    pub key: EffectKey,
    /// The instance.
    pub instance_id: CanonicalId,
    /// The process.
    pub process: String,
    /// The instance's business key.
    pub business_key: String,
    /// The step.
    pub step: String,
    /// Where to, such as `erp/main account`.
    pub target: String,
    /// What, in the process's words.
    pub what: String,
    /// SHA-256 of the request.
    pub digest: String,
    /// Where it stands.
    pub state: EffectState,
    /// What was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<Written>,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How often it was sent.
    pub sends: i64,
    /// When it was first sent.
    pub first_at: DateTime<Utc>,
    /// When it last changed.
    pub last_at: DateTime<Utc>,
}

/// An instance with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InstanceDetail {
    /// The instance.
    #[serde(flatten)]
    pub summary: InstanceSummary,
    /// Its steps, in order.
    pub steps: Vec<StepView>,
    /// Names of the steps that would be taken back, in that order.
    pub undo: Vec<String>,
    /// Its writes into systems of record.
    pub effects: Vec<EffectView>,
}

/// Which instances.
#[derive(Debug, Clone, Default)]
pub struct InstanceFilter {
    /// Of this process.
    pub process: Option<String>,
    /// In this state.
    pub state: Option<InstanceState>,
    /// Ready or running: on its way forward (false), or being taken back (true).
    pub under_way: Option<bool>,
    /// Of this business key.
    pub business_key: Option<String>,
    /// From the page before.
    pub cursor: Option<String>,
    /// At most so many, 1 to 1000; 100 unless given.
    pub limit: Option<u32>,
}

/// Which exceptions.
#[derive(Debug, Clone, Default)]
pub struct ExceptionFilter {
    /// In this state.
    pub state: Option<ExceptionState>,
    /// Of this cause.
    pub code: Option<String>,
    /// Of this cause.
    pub subject: Option<String>,
    /// Of this instance.
    pub instance_id: Option<CanonicalId>,
    /// From the page before.
    pub cursor: Option<String>,
    /// At most so many, 1 to 1000; 100 unless given.
    pub limit: Option<u32>,
}
