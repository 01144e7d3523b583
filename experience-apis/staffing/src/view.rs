//! What staffing shows, from what insight says. Pure.

use canonical_model::{AssignmentChanged, AssignmentState, Minutes, ResourceRequestStanding};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A wish for somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StaffingRequest {
    /// Connection and id of the request.
    #[schema(example = "psa/main/31")]
    pub request: String,
    /// The firm's code of the project.
    pub project_code: String,
    /// Whose project it is.
    pub account: String,
    /// The role (canonical code).
    #[schema(example = "senior-consultant")]
    pub role: String,
    /// First day wanted.
    pub start_date: NaiveDate,
    /// Time wanted.
    pub minutes: Minutes,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// Nobody is agreed yet.
    pub open: bool,
}

/// Planned time of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedTime {
    /// Connection and id of the assignment.
    #[schema(example = "psa/main/57")]
    pub assignment: String,
    /// E-mail address; absent for a seat without a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The firm's code of the project.
    pub project_code: String,
    /// Whose project it is.
    pub account: String,
    /// The role (canonical code), where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// Time over those days.
    pub minutes: Minutes,
    /// It is agreed; else it is a plan.
    pub confirmed: bool,
}

impl From<ResourceRequestStanding> for StaffingRequest {
    fn from(standing: ResourceRequestStanding) -> Self {
        Self {
            request: standing.request,
            project_code: standing.scope.project_code,
            account: standing.scope.account_name,
            role: standing.role,
            start_date: standing.start_date,
            minutes: standing.minutes,
            requested_at: standing.requested_at,
            open: standing.met_at.is_none(),
        }
    }
}

impl From<AssignmentChanged> for PlannedTime {
    fn from(changed: AssignmentChanged) -> Self {
        Self {
            assignment: changed.assignment,
            person: changed.person,
            project_code: changed.scope.project_code,
            account: changed.scope.account_name,
            role: changed.role,
            start_date: changed.start_date,
            end_date: changed.end_date,
            minutes: changed.minutes,
            confirmed: changed.state == AssignmentState::Confirmed,
        }
    }
}
