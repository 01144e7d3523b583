//! People, what they can do, and where they are wanted and placed.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{Minutes, RecordRef, Resource};

/// Somebody who delivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Full name.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "Anna Keller")]
    pub name: String,
    /// E-mail address at work: how the same person is found in every system.
    #[schema(example = "anna.keller@northwind-advisory.example")]
    pub email: String,
    /// The legal entity that employs her or him.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home_entity: Option<RecordRef>,
    /// Usual role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RecordRef>,
    /// What she or he can do.
    #[serde(default)]
    pub skills: Vec<String>,
    /// Working time a week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weekly_capacity_minutes: Option<Minutes>,
    /// Still with the firm.
    pub active: bool,
}

impl Resource for Person {
    const NAME: &'static str = "person";
    const PATH: &'static str = "people";
}

/// A role that work is sold, planned and charged as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// What it is called.
    #[validate(length(min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120, example = "Senior Consultant")]
    pub name: String,
}

impl Resource for Role {
    const NAME: &'static str = "role";
    const PATH: &'static str = "roles";
}

/// Where a staffing request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceRequestState {
    /// Nobody is placed yet.
    Open,
    /// Somebody is placed.
    Fulfilled,
    /// No longer wanted.
    Cancelled,
}

/// A wish for somebody of a role on a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ResourceRequest {
    /// The project.
    pub project: RecordRef,
    /// The role wanted.
    pub role: RecordRef,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// Time wanted over those days.
    pub minutes: Minutes,
    /// Where it stands.
    pub state: ResourceRequestState,
    /// Who was placed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<RecordRef>,
    /// What the resource manager should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Resource for ResourceRequest {
    const NAME: &'static str = "resource_request";
    const PATH: &'static str = "resource-requests";
}

/// How firm an assignment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssignmentState {
    /// Pencilled in.
    Tentative,
    /// Agreed.
    Confirmed,
    /// Withdrawn.
    Cancelled,
}

/// A person's planned time on a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// The project; in a CRM, which has no projects, the opportunity that became it.
    pub project: RecordRef,
    /// Who; absent while a seat has a role but nobody in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<RecordRef>,
    /// As what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RecordRef>,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// Time over those days.
    pub minutes: Minutes,
    /// How firm.
    pub state: AssignmentState,
}

impl Resource for Assignment {
    const NAME: &'static str = "assignment";
    const PATH: &'static str = "assignments";
}
