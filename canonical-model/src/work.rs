//! What was done: time entries and expenses, with their approval.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{Minutes, Money, Rate, RecordRef, Resource};

/// Where the approval of time or an expense stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Being written.
    Draft,
    /// Waits for its approver.
    Submitted,
    /// May be posted and charged.
    Approved,
    /// Sent back. Also what approved work becomes when its approval is withdrawn.
    Rejected,
}

/// Time that a person worked on one task on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TimeEntry {
    /// Who worked; the label is the e-mail address.
    pub person: RecordRef,
    /// On which project.
    pub project: RecordRef,
    /// On which task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<RecordRef>,
    /// As what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RecordRef>,
    /// On which day.
    pub date: NaiveDate,
    /// How long. Negative in a reversal.
    pub minutes: Minutes,
    /// It is charged to the client.
    pub billable: bool,
    /// What it is charged at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// What it costs the firm; shown to permitted roles only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_rate: Option<Rate>,
    /// The legal entity whose books it belongs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<RecordRef>,
    /// Tax code of the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_code: Option<RecordRef>,
    /// What was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where its approval stands.
    pub approval: ApprovalState,
    /// Who approved it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<RecordRef>,
    /// When it was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    /// It stands on an invoice, whose id in that system this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<RecordRef>,
    /// The entry that this one reverses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverses: Option<RecordRef>,
}

impl Resource for TimeEntry {
    const NAME: &'static str = "time_entry";
    const PATH: &'static str = "time-entries";
}

/// Money that a person spent on a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Expense {
    /// Who spent it.
    pub person: RecordRef,
    /// On which project.
    pub project: RecordRef,
    /// On which task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<RecordRef>,
    /// Kind of expense, such as `Travel`.
    pub category: RecordRef,
    /// On which day.
    pub date: NaiveDate,
    /// How much. Negative in a reversal.
    pub amount: Money,
    /// Units for the price of one unit of the project's currency, where the two differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "1.0842")]
    pub fx_rate: Option<Decimal>,
    /// It is charged to the client.
    pub billable: bool,
    /// It is paid back to the person.
    pub reimbursable: bool,
    /// The legal entity whose books it belongs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<RecordRef>,
    /// Tax code of the charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_code: Option<RecordRef>,
    /// What it was for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where its approval stands.
    pub approval: ApprovalState,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<RecordRef>,
    /// When it was approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    /// It stands on an invoice, whose id in that system this is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<RecordRef>,
    /// The expense that this one reverses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverses: Option<RecordRef>,
}

impl Resource for Expense {
    const NAME: &'static str = "expense";
    const PATH: &'static str = "expenses";
}
