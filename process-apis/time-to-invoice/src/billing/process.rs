//! What is posted or agreed becomes an invoice.
//!
//! A run is for one project. A period that ended, a person's request, a milestone that was reached or an agreed charge
//! that is due starts it, and claims in the same transaction what it charges for: posted lines, or the milestone or
//! charge, which is claimed for good. The run applies what was agreed (cap, purchase order), adds up, makes one invoice
//! in the ERP with the sources of each line, and records it with its lines. Where nothing is left to charge it ends
//! without an invoice.
//! A person answers an exception (goes beyond the cap for this invoice, gives a purchase order, leaves lines out),
//! retries, or drops the run with a reason: its lines can then be charged by a later run.
//! Taken back: the claims of a run that made no invoice. Never taken back here: an invoice. It is corrected by a credit
//! note, which a person is asked to make in the ERP.

use canonical_model::{
    BillingMethod, CanonicalId, Failure, Invoice, Money, ProjectScope, Resolution, Result, Written,
};
use chrono::NaiveDate;
use process_engine::{AtRisk, ItemContext, OwnerRule, Process, State};
use serde::{Deserialize, Serialize};

use crate::charge::Terms;
use crate::services::Services;
use crate::store::billing::Basis;

use super::steps;

/// Name of the process.
pub const NAME: &str = "billing";

/// A run on its way to an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: CanonicalId,
    /// What brought it about.
    pub basis: Basis,
    /// Connection and id of the milestone, or id of the agreed charge.
    #[serde(default)]
    pub event: Option<String>,
    /// The milestone as the PSA has it.
    #[serde(default)]
    pub milestone: Option<Reached>,
    /// Last day that it charges for.
    pub through: NaiveDate,
    /// Date of the invoice.
    pub date: NaiveDate,
    /// The project, once known.
    #[serde(default)]
    pub project: Option<CanonicalId>,
    /// What facts about it say.
    #[serde(default)]
    pub scope: Option<ProjectScope>,
    /// How the project is charged.
    #[serde(default)]
    pub billing_method: Option<BillingMethod>,
    /// The ERP connection, such as `erp/main`.
    #[serde(default)]
    pub erp: Option<String>,
    /// What was agreed, in the terms of the ERP.
    #[serde(default)]
    pub terms: Option<Terms>,
    /// The invoice that is to be made.
    #[serde(default)]
    pub invoice: Option<Invoice>,
    /// The invoice that was made.
    #[serde(default)]
    pub written: Option<Written>,
    /// There is nothing to charge.
    #[serde(default)]
    pub nothing: bool,
}

/// A milestone that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// The connection, such as `psa/main`.
    pub connection: String,
    /// Its project there.
    pub project: String,
    /// What it is called.
    pub name: String,
    /// What the PSA says is paid for it.
    pub amount: Money,
}

/// What a person answers when a run stops.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// This invoice may go beyond the cap.
    #[serde(default)]
    pub allow_over_cap: bool,
    /// The purchase order of this invoice.
    #[serde(default)]
    pub purchase_order: Option<String>,
    /// Posting lines that this invoice does not charge for.
    #[serde(default)]
    pub leave_out: Vec<CanonicalId>,
    /// The milestone is charged although the contract does not name it.
    #[serde(default)]
    pub charge_as_planned: bool,
}

/// The steps, in their order.
#[must_use]
pub fn definition() -> Process<Run, Services> {
    let approver = OwnerRule {
        role: "billing_approver",
        sla_hours: 48,
    };
    let accountant = OwnerRule {
        role: "project_accountant",
        sla_hours: 24,
    };
    let steward = OwnerRule {
        role: "data_steward",
        sla_hours: 8,
    };
    Process::named(NAME)
        .version(1)
        .abbreviation("bill")
        .step("take_claims", steps::take_claims)
        .undo(steps::release_claims)
        .step("find_agreement", steps::find_agreement)
        .needed()
        .step("compose_invoice", steps::compose_invoice)
        .needed()
        .step("create_invoice", steps::create_invoice)
        .undo(steps::ask_for_credit)
        .step("register_invoice", steps::register_invoice)
        .step("close_run", steps::close_run)
        .on_item_resolution(credited)
        .owner("over_cap", approver)
        .owner("missing_purchase_order", approver)
        .owner("milestone_not_agreed", approver)
        .owner("invoice_not_reversible", approver)
        .owner("period_closed", accountant)
        .owner("currency_mismatch", accountant)
        .owner("account_not_mapped", steward)
        .owner("project_not_mapped", steward)
        .owner("legal_entity_not_mapped", steward)
        .default_owner(accountant)
}

/// A person says that an invoice of a run that was taken back is credited.
async fn credited(_ctx: &ItemContext<Services>, _item: &str, _resolution: &Resolution) -> Result<()> {
    Ok(())
}

impl State for Run {
    fn title(&self) -> String {
        let project = self
            .scope
            .as_ref()
            .map_or("a project", |scope| scope.project_code.as_str());
        match (self.basis, &self.milestone) {
            (_, Some(milestone)) => format!("Invoice for milestone {:?} of {project}", milestone.name),
            (Basis::AgreedCharge, None) => format!("Invoice for what is due on {project}"),
            _ => format!("Invoice for {project} through {}", self.through),
        }
    }

    fn at_risk(&self) -> AtRisk {
        let net = self.invoice.as_ref().and_then(|invoice| invoice.net);
        AtRisk {
            money: net.or_else(|| self.milestone.as_ref().map(|milestone| milestone.amount)),
            legal_entity: self.scope.as_ref().map(|scope| scope.legal_entity.clone()),
            region: self.scope.as_ref().and_then(|scope| scope.region.clone()),
        }
    }
}

impl Run {
    /// The project, which the first step found.
    ///
    /// # Errors
    /// Fault `step_skipped` where that step was skipped. The same holds for all that follow.
    pub fn scope(&self) -> Result<&ProjectScope> {
        self.scope.as_ref().ok_or_else(|| lacking("the project"))
    }

    /// What was agreed.
    ///
    /// # Errors
    /// See [`Run::scope`].
    pub fn terms(&self) -> Result<&Terms> {
        self.terms.as_ref().ok_or_else(|| lacking("what was agreed"))
    }

    /// The ERP connection.
    ///
    /// # Errors
    /// See [`Run::scope`].
    pub fn erp(&self) -> Result<&str> {
        self.erp.as_deref().ok_or_else(|| lacking("the ERP"))
    }
}

fn lacking(what: &str) -> Failure {
    let message = format!("{what} is not known, because the step that finds it was skipped; drop the run");
    Failure::fault("step_skipped", message)
}
