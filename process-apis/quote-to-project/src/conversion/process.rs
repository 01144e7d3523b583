//! From a won deal to a staffed project that finance can bill.
//!
//! A deal that is won in the CRM starts it: by a notice, or because its change was read. The customer is found among the
//! golden accounts (a person rules where that is not clear), made in the ERP and in the PSA where it is not there yet,
//! and its ERP number goes back onto the CRM's account. Then come contract, project, workstreams, milestones, billing
//! schedule and one staffing request for each role and first day. It ends when time can be booked on the project in PSA
//! and ERP and the deal in the CRM carries the project's id, code and state.
//! Taken back: projects on which nobody has booked are closed, milestones and staffing requests are cancelled. Never
//! taken back: customers, contracts, cross-references; whatever carries time or money is corrected by people.

use std::collections::BTreeMap;

use canonical_model::{Account, CanonicalId, Failure, Money, ProjectScope, RecordRef, Result};
use chrono::{DateTime, Utc};
use process_engine::{AtRisk, Process, State};
use serde::{Deserialize, Serialize};

use crate::owners;
use crate::plan::Terms;
use crate::services::Services;

use super::{activation, customer, deal, project, structure};

/// Name of the process.
pub const NAME: &str = "quote-to-project";

/// With what the effect keys of the process begin: a record that carries one is ours.
pub const KEY_PREFIX: &str = "q2p";

/// A deal on its way to a project: the input, and what each step found or made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversion {
    /// The CRM's connection, such as `crm/main`.
    pub connection: String,
    /// The opportunity's id there.
    pub opportunity_id: String,
    /// What the deal is called and worth, as far as it could be read.
    #[serde(default)]
    pub label: Label,
    /// The deal as it was taken up.
    #[serde(default)]
    pub deal: Option<Deal>,
    /// Which company buys, and its ids.
    #[serde(default)]
    pub customer: Option<Customer>,
    /// What the deal's words stand for in PSA and ERP.
    #[serde(default)]
    pub frame: Option<Frame>,
    /// The project and its ids.
    #[serde(default)]
    pub project: Option<ProjectIds>,
    /// Ids of the milestones in the PSA, in the order of the terms.
    #[serde(default)]
    pub milestones: Vec<String>,
    /// Ids of the staffing requests in the PSA, in the order of the demands.
    #[serde(default)]
    pub requests: Vec<String>,
    /// When time could be booked.
    #[serde(default)]
    pub activated_at: Option<DateTime<Utc>>,
}

/// See [`Conversion::label`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Name of the deal.
    pub name: Option<String>,
    /// What it is worth.
    pub amount: Option<Money>,
}

/// See [`Conversion::deal`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deal {
    /// Its terms, all of them present.
    pub terms: Terms,
    /// The account as the CRM has it.
    pub account: Account,
    /// When the CRM marked it won, as far as it tells.
    pub won_at: DateTime<Utc>,
}

/// See [`Conversion::customer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The golden account.
    pub canonical_id: CanonicalId,
    /// Id of the account in the ERP.
    pub erp: Option<String>,
    /// Id of the client in the PSA.
    pub psa: Option<String>,
}

/// See [`Conversion::frame`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Canonical code of the legal entity.
    pub legal_entity: String,
    /// The ERP connection that keeps its books, such as `erp/main`.
    pub erp: String,
    /// The PSA connection that delivers, such as `psa/main`.
    pub psa: String,
    /// The legal entity in the ERP.
    pub erp_entity: RecordRef,
    /// The legal entity in the PSA, where it is mapped there.
    pub psa_entity: Option<RecordRef>,
    /// The region, where the deal names one.
    pub region: Option<Named>,
    /// The rate card in the PSA, where the deal names one.
    pub rate_card: Option<RecordRef>,
    /// The roles by the CRM's word.
    pub roles: BTreeMap<String, SoldAs>,
    /// The project manager in the PSA.
    pub psa_manager: RecordRef,
    /// The project manager in the ERP.
    pub erp_manager: RecordRef,
}

/// A value with its canonical code and its names in PSA and ERP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The canonical code.
    pub code: String,
    /// What the PSA calls it.
    pub psa: String,
    /// What the ERP calls it.
    pub erp: String,
}

/// A role as it was sold and as the PSA knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldAs {
    /// The canonical code.
    pub code: String,
    /// The role in the PSA.
    pub psa: RecordRef,
}

/// See [`Conversion::project`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectIds {
    /// The project's canonical id.
    pub canonical_id: CanonicalId,
    /// The firm's code for it.
    pub code: String,
    /// Its id in the PSA.
    pub psa: Option<String>,
    /// Its id in the ERP.
    pub erp: Option<String>,
}

/// The steps, in their order.
pub fn definition() -> Process<Conversion, Services> {
    let process = Process::named(NAME)
        .abbreviation(KEY_PREFIX)
        .version(1)
        .step("find_deal", deal::find_deal)
        .step("load_deal", deal::load_deal)
        .needed()
        .step("match_customer", deal::match_customer)
        .needed()
        .step("resolve_references", deal::resolve_references)
        .needed()
        .step("check_legal_entity", deal::check_legal_entity)
        .step("ensure_customer", customer::ensure_customer)
        .step("check_customer_entity", customer::check_customer_entity)
        .step("link_customer_in_crm", customer::link_customer_in_crm)
        .step("ensure_client_in_psa", customer::ensure_client_in_psa)
        .step("create_contract_in_crm", project::create_contract_in_crm)
        .step("create_project_in_psa", project::create_project_in_psa)
        .undo(project::close_empty_project_in_psa)
        .step("create_project_in_erp", project::create_project_in_erp)
        .undo(project::close_project_in_erp)
        .step("create_contract_in_erp", project::create_contract_in_erp)
        .step("create_workstreams_in_psa", structure::create_workstreams_in_psa)
        .step("create_workstreams_in_erp", structure::create_workstreams_in_erp)
        .step("create_milestones", structure::create_milestones)
        .undo(structure::cancel_milestones)
        .step("create_billing_schedule", structure::create_billing_schedule)
        .step("request_staffing", structure::request_staffing)
        .undo(structure::cancel_requests)
        .step("activate_in_psa", activation::activate_in_psa)
        .step("activate_in_erp", activation::activate_in_erp)
        .step("announce", activation::announce)
        .undo(activation::tell_crm_it_was_withdrawn)
        .step("tell_crm", activation::tell_crm)
        .step("link_deal_in_crm", activation::link_deal_in_crm);
    owners::for_conversion(process)
}

impl State for Conversion {
    fn title(&self) -> String {
        match &self.label.name {
            Some(name) => format!("Deal {name:?}"),
            None => format!("Deal {} of {}", self.opportunity_id, self.connection),
        }
    }

    fn at_risk(&self) -> AtRisk {
        let frame = self.frame.as_ref();
        AtRisk {
            money: self.label.amount,
            legal_entity: frame.map(|f| f.legal_entity.clone()),
            region: frame.and_then(|f| f.region.as_ref()).map(|r| r.code.clone()),
        }
    }
}

impl Conversion {
    /// A deal that nothing is known of but where it is.
    #[must_use]
    pub fn of(connection: &str, opportunity_id: &str) -> Self {
        Self {
            connection: connection.to_owned(),
            opportunity_id: opportunity_id.to_owned(),
            label: Label::default(),
            deal: None,
            customer: None,
            frame: None,
            project: None,
            milestones: Vec::new(),
            requests: Vec::new(),
            activated_at: None,
        }
    }

    /// Connection and id of the opportunity as one text, such as `crm/main/006..`.
    #[must_use]
    pub fn opportunity(&self) -> String {
        format!("{}/{}", self.connection, self.opportunity_id)
    }

    /// The deal, which the first step loaded.
    ///
    /// # Errors
    /// Fault `step_skipped` where that step was skipped. The same holds for all that follow.
    pub fn deal(&self) -> Result<&Deal> {
        self.deal.as_ref().ok_or_else(|| lacking("the deal's terms"))
    }

    /// The customer.
    ///
    /// # Errors
    /// See [`Conversion::deal`].
    pub fn customer(&self) -> Result<&Customer> {
        self.customer.as_ref().ok_or_else(|| lacking("the customer"))
    }

    /// What the deal's words stand for.
    ///
    /// # Errors
    /// See [`Conversion::deal`].
    pub fn frame(&self) -> Result<&Frame> {
        self.frame
            .as_ref()
            .ok_or_else(|| lacking("the deal's references"))
    }

    /// The project.
    ///
    /// # Errors
    /// See [`Conversion::deal`].
    pub fn project(&self) -> Result<&ProjectIds> {
        self.project.as_ref().ok_or_else(|| lacking("the project"))
    }

    /// Id of the customer in the ERP.
    ///
    /// # Errors
    /// See [`Conversion::deal`].
    pub fn erp_account(&self) -> Result<&str> {
        let id = self.customer()?.erp.as_deref();
        id.ok_or_else(|| lacking("the customer's id in the ERP"))
    }

    /// Id of the client in the PSA.
    ///
    /// # Errors
    /// See [`Conversion::deal`].
    pub fn psa_client(&self) -> Result<&str> {
        let id = self.customer()?.psa.as_deref();
        id.ok_or_else(|| lacking("the client's id in the PSA"))
    }

    /// Id of the project in the PSA.
    ///
    /// # Errors
    /// See [`Conversion::deal`].
    pub fn psa_project(&self) -> Result<&str> {
        let id = self.project()?.psa.as_deref();
        id.ok_or_else(|| lacking("the project's id in the PSA"))
    }

    /// Id of the project in the ERP.
    ///
    /// # Errors
    /// See [`Conversion::deal`].
    pub fn erp_project(&self) -> Result<&str> {
        let id = self.project()?.erp.as_deref();
        id.ok_or_else(|| lacking("the project's id in the ERP"))
    }

    /// What facts about the project are reported by.
    ///
    /// # Errors
    /// See [`Conversion::deal`].
    pub fn scope(&self) -> Result<ProjectScope> {
        let (frame, project) = (self.frame()?, self.project()?);
        Ok(ProjectScope {
            project_id: project.canonical_id,
            project_code: project.code.clone(),
            account_id: self.customer()?.canonical_id,
            account_name: self.deal()?.account.name.clone(),
            legal_entity: frame.legal_entity.clone(),
            region: frame.region.as_ref().map(|r| r.code.clone()),
        })
    }
}

fn lacking(what: &str) -> Failure {
    let message =
        format!("{what} is not known, because the step that finds it was skipped; start the deal anew");
    Failure::fault("step_skipped", message)
}
