//! What is delivered: projects, their tasks and milestones.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{BillingMethod, Currency, Minutes, Money, RecordRef, Resource};

/// Where a project stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProjectStatus {
    /// Set up, not begun.
    Planned,
    /// Time can be booked.
    Active,
    /// Done; no time can be booked.
    Closed,
}

/// A piece of work for one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// The firm's code for it, the same in every system.
    #[validate(length(min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "HEL-0001")]
    pub code: String,
    /// What it is called.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The customer or client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<RecordRef>,
    /// The legal entity that delivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<RecordRef>,
    /// The region that delivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Who runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<RecordRef>,
    /// How it is charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_method: Option<BillingMethod>,
    /// Currency of its budget and charges.
    pub currency: Currency,
    /// What the client pays in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Money>,
    /// Margin that was sold, in percent of revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "35")]
    pub target_margin_percent: Option<Decimal>,
    /// The rate card that its hours are charged at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<RecordRef>,
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<NaiveDate>,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<NaiveDate>,
    /// Where it stands.
    pub status: ProjectStatus,
}

impl Resource for Project {
    const NAME: &'static str = "project";
    const PATH: &'static str = "projects";
}

/// A part of a project: a workstream when it has no parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What it is called.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The project.
    pub project: RecordRef,
    /// The task that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<RecordRef>,
    /// Its hours are charged.
    pub billable: bool,
    /// Time planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_minutes: Option<Minutes>,
    /// First day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<NaiveDate>,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<NaiveDate>,
    /// Done; no time can be booked.
    pub completed: bool,
}

impl Resource for Task {
    const NAME: &'static str = "task";
    const PATH: &'static str = "tasks";
}

/// Where a milestone stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneState {
    /// Ahead.
    Planned,
    /// Reached: its amount may be invoiced.
    Completed,
    /// Dropped.
    Cancelled,
}

/// A point of a project that is paid for when it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Milestone {
    /// What it is called.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The project.
    pub project: RecordRef,
    /// Day it is due.
    pub due_date: NaiveDate,
    /// What is paid for it.
    pub amount: Money,
    /// Where it stands.
    pub state: MilestoneState,
    /// Day it was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_on: Option<NaiveDate>,
}

impl Resource for Milestone {
    const NAME: &'static str = "milestone";
    const PATH: &'static str = "milestones";
}
