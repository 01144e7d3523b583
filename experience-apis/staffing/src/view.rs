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

/// Planned time of one person (e-mail address), or everybody's. It is asked for by person, and checked again here.
#[must_use]
pub fn planned_of(person: Option<&str>, assignments: Vec<AssignmentChanged>) -> Vec<PlannedTime> {
    assignments
        .into_iter()
        .filter(|assignment| {
            person.is_none_or(|wanted| {
                let planned = assignment.person.as_deref();
                planned.is_some_and(|planned| planned.eq_ignore_ascii_case(wanted))
            })
        })
        .map(PlannedTime::from)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{CanonicalId, ProjectScope};

    fn planned(person: Option<&str>) -> AssignmentChanged {
        AssignmentChanged {
            scope: ProjectScope {
                project_id: CanonicalId::generate(),
                project_code: "HEL-1".to_owned(),
                account_id: CanonicalId::generate(),
                account_name: "Helios".to_owned(),
                legal_entity: "de".to_owned(),
                region: None,
            },
            assignment: "psa/main/57".to_owned(),
            person: person.map(str::to_owned),
            role: None,
            state: AssignmentState::Tentative,
            start_date: "2026-11-09".parse().unwrap(),
            end_date: "2026-11-20".parse().unwrap(),
            minutes: Minutes::new(600),
            changed_at: "2026-11-02T08:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_person_sees_no_time_of_others_and_no_empty_seat() {
        let all = vec![
            planned(Some("Tom@firm.example")),
            planned(Some("anna@firm.example")),
            planned(None),
        ];
        let own = planned_of(Some("tom@firm.example"), all.clone());
        let people: Vec<_> = own.into_iter().map(|planned| planned.person).collect();
        assert_eq!(people, [Some("Tom@firm.example".to_owned())]);
        assert_eq!(planned_of(None, all).len(), 3);
    }
}
