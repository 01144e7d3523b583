//! Planned time of people goes where others need to see it.
//!
//! A change of an assignment in the PSA starts it. What is true in the PSA when its turn comes is shown on the opportunity
//! in the CRM and, once it is confirmed for a person, is a forecast of cost in the ERP; an assignment that is withdrawn
//! takes its forecast back. Changes of one assignment go one after the other, so that an old one never overwrites a new
//! one. An assignment of a project that is not ours, and one that is as it was written before (our own echo, or a change
//! that a later one has overtaken), end it without a trace elsewhere.
//! Nothing is undone: the PSA owns assignments, so what is wrong is corrected there and comes again.

use canonical_model::{Assignment, AssignmentState, ProjectScope, RecordRef};
use chrono::{DateTime, Utc};
use process_engine::{AtRisk, Process, State};
use serde::{Deserialize, Serialize};

use crate::owners;
use crate::services::Services;

use super::steps;

/// Name of the process.
pub const NAME: &str = "allocation-sync";

/// A change of an assignment on its way: the input, and what each step found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllocationSync {
    /// The PSA's connection, such as `psa/main`.
    pub connection: String,
    /// The assignment's id there.
    pub assignment_id: String,
    /// When the PSA changed it.
    pub changed_at: DateTime<Utc>,
    /// What is to be written; nothing where the change ends here.
    #[serde(default)]
    pub plan: Option<Plan>,
}

/// What is to be written, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The assignment as the PSA has it; cancelled where it was deleted there.
    pub assignment: Assignment,
    /// The project that it is of.
    pub project: KnownProject,
    /// The person's e-mail address.
    pub person: Option<String>,
    /// Canonical code of the role.
    pub role: Option<String>,
    /// What the CRM calls the role.
    pub crm_role: Option<RecordRef>,
    /// The forecast that the ERP shall have.
    pub forecast: Forecast,
    /// The CRM shows it.
    pub shown: bool,
    /// The forecast that the ERP has of it.
    pub forecasted: Option<Assignment>,
}

/// What the ERP shall show of an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Forecast {
    /// Nothing, as before.
    None,
    /// This person's time.
    Of {
        /// The employee.
        person: RecordRef,
        /// What the time is charged as.
        role: Option<RecordRef>,
    },
    /// Nothing any more.
    Withdrawn,
}

/// A project of ours, as allocations need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownProject {
    /// What facts about it are reported by.
    pub scope: ProjectScope,
    /// The CRM, and the opportunity that became it.
    pub crm: (String, String),
    /// The ERP, and its id there once it has one.
    pub erp: (String, Option<String>),
}

/// The steps, in their order.
pub fn definition() -> Process<AllocationSync, Services> {
    let process = Process::named(NAME)
        .abbreviation("alloc")
        .version(1)
        .step("take_turn", steps::take_turn)
        .undo(steps::give_turn_back)
        .step("load_assignment", steps::load_assignment)
        .step("show_in_crm", steps::show_in_crm)
        .step("forecast_in_erp", steps::forecast_in_erp)
        .step("remember", steps::remember);
    owners::for_allocation(process)
}

impl State for AllocationSync {
    fn title(&self) -> String {
        let person = self.plan.as_ref().and_then(|plan| plan.person.as_deref());
        match (person, &self.plan) {
            (Some(person), Some(plan)) => format!("{person} on {}", plan.project.scope.project_code),
            _ => format!("Assignment {} of {}", self.assignment_id, self.connection),
        }
    }

    fn at_risk(&self) -> AtRisk {
        let scope = self.plan.as_ref().map(|plan| &plan.project.scope);
        AtRisk {
            money: None,
            legal_entity: scope.map(|s| s.legal_entity.clone()),
            region: scope.and_then(|s| s.region.clone()),
        }
    }
}

impl AllocationSync {
    /// A change that nothing is known of but where it is.
    #[must_use]
    pub fn of(connection: &str, assignment_id: &str, changed_at: DateTime<Utc>) -> Self {
        Self {
            connection: connection.to_owned(),
            assignment_id: assignment_id.to_owned(),
            changed_at,
            plan: None,
        }
    }

    /// Which assignment, over all PSAs.
    #[must_use]
    pub fn assignment(&self) -> String {
        format!("{} {}", self.connection, self.assignment_id)
    }
}

/// Whether somebody's time is to stand in the ERP's forecast.
#[must_use]
pub fn is_forecast(assignment: &Assignment) -> bool {
    assignment.state == AssignmentState::Confirmed
        && assignment.person.is_some()
        && assignment.minutes.count() > 0
}
