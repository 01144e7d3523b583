//! The records that a deal becomes, as they are written. Pure: no clock, no I/O, nothing that is not in the state.

use canonical_model::{
    Account, AgreedCharge, BillingSchedule, Contract, ContractAgreed, Milestone, MilestoneState, Project,
    ProjectActivated, ProjectStatus, RecordRef, ResourceRequest, ResourceRequestState, Result,
    StaffingRequested, Task,
};
use canonical_model::{BillingMethod, CanonicalId, Minutes};
use chrono::{DateTime, Utc};

use crate::plan::{Demand, SoldMilestone, Workstream};

use super::process::{Conversion, Customer};

/// The system that a record goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    /// The ERP.
    Erp,
    /// The PSA.
    Psa,
}

/// The customer in the ERP. Terms and financial status stay with finance: they are not set from here.
pub(super) fn erp_account(
    state: &Conversion,
    golden: &Account,
    parent: Option<RecordRef>,
) -> Result<Account> {
    Ok(Account {
        parent,
        payment_terms: None,
        legal_entity: Some(state.frame()?.erp_entity.clone()),
        currency: golden.currency.or(Some(state.deal()?.terms.currency())),
        financials: None,
        ..golden.clone()
    })
}

/// The client in the PSA: who it is, nothing that finance decides.
pub(super) fn psa_client(state: &Conversion, golden: &Account) -> Result<Account> {
    Ok(Account {
        parent: None,
        payment_terms: None,
        tax_registrations: Vec::new(),
        legal_entity: state.frame()?.psa_entity.clone(),
        currency: golden.currency.or(Some(state.deal()?.terms.currency())),
        financials: None,
        ..golden.clone()
    })
}

/// The project, planned.
pub(super) fn project(state: &Conversion, to: To) -> Result<Project> {
    let (deal, frame, project) = (state.deal()?, state.frame()?, state.project()?);
    let terms = &deal.terms;
    let region = frame.region.as_ref();
    let (account, legal_entity, region, manager, rate_card) = match to {
        To::Psa => (
            state.psa_client()?,
            frame.psa_entity.clone(),
            region.map(|r| r.psa.clone()),
            &frame.psa_manager,
            frame.rate_card.clone(),
        ),
        To::Erp => (
            state.erp_account()?,
            Some(frame.erp_entity.clone()),
            region.map(|r| r.erp.clone()),
            &frame.erp_manager,
            None,
        ),
    };
    Ok(Project {
        code: project.code.clone(),
        name: terms.name.clone(),
        account: Some(RecordRef::labelled(account, deal.account.name.clone())),
        legal_entity,
        region,
        manager: Some(manager.clone()),
        billing_method: Some(terms.billing_method),
        currency: terms.currency(),
        budget: Some(terms.amount),
        target_margin_percent: terms.target_margin_percent,
        rate_card,
        start_date: Some(terms.start_date),
        end_date: Some(terms.end_date),
        status: ProjectStatus::Planned,
    })
}

/// A project of which only the state is set: what is absent stays as it is.
pub(super) fn project_state(now: &Project, status: ProjectStatus) -> Project {
    Project {
        code: now.code.clone(),
        name: now.name.clone(),
        account: None,
        legal_entity: None,
        region: None,
        manager: None,
        billing_method: None,
        currency: now.currency,
        budget: None,
        target_margin_percent: None,
        rate_card: None,
        start_date: None,
        end_date: None,
        status,
    }
}

/// The contract in the CRM.
pub(super) fn crm_contract(state: &Conversion) -> Result<Contract> {
    let terms = &state.deal()?.terms;
    Ok(Contract {
        account: RecordRef::labelled(terms.account_id.clone(), state.deal()?.account.name.clone()),
        opportunity: Some(RecordRef::labelled(
            state.opportunity_id.clone(),
            terms.name.clone(),
        )),
        project: None,
        legal_entity: Some(RecordRef::id(terms.legal_entity.clone())),
        rate_card: terms.rate_card.clone().map(RecordRef::id),
        ..contract(state)?
    })
}

/// The contract (order) in the ERP.
pub(super) fn erp_contract(state: &Conversion) -> Result<Contract> {
    let project = state.project()?;
    Ok(Contract {
        account: RecordRef::id(state.erp_account()?),
        project: Some(RecordRef::labelled(state.erp_project()?, project.code.clone())),
        legal_entity: Some(state.frame()?.erp_entity.clone()),
        ..contract(state)?
    })
}

fn contract(state: &Conversion) -> Result<Contract> {
    let terms = &state.deal()?.terms;
    Ok(Contract {
        name: terms.name.clone(),
        account: RecordRef::id(""),
        opportunity: None,
        project: None,
        legal_entity: None,
        billing_method: terms.billing_method,
        currency: terms.currency(),
        amount: terms.amount,
        cap: terms.cap,
        purchase_order: terms.purchase_order.clone(),
        rate_card: None,
        start_date: terms.start_date,
        end_date: Some(terms.end_date),
        signature_date: Some(terms.signature_date),
    })
}

/// A workstream as a task of a project.
pub(super) fn task(workstream: &Workstream, project_id: &str) -> Task {
    let planned = (workstream.minutes != Minutes::default()).then_some(workstream.minutes);
    Task {
        name: workstream.name.clone(),
        project: RecordRef::id(project_id),
        parent: None,
        billable: true,
        planned_minutes: planned,
        start_date: Some(workstream.start_date),
        end_date: Some(workstream.end_date),
        completed: false,
    }
}

/// A milestone of the project.
pub(super) fn milestone(sold: &SoldMilestone, project_id: &str) -> Milestone {
    Milestone {
        name: sold.name.clone(),
        project: RecordRef::id(project_id),
        due_date: sold.due_date,
        amount: sold.amount,
        state: MilestoneState::Planned,
        completed_on: None,
    }
}

/// The billing schedule of the project in the ERP.
pub(super) fn billing_schedule(state: &Conversion) -> Result<BillingSchedule> {
    let (terms, project) = (&state.deal()?.terms, state.project()?);
    Ok(BillingSchedule {
        name: project.code.clone(),
        project: RecordRef::labelled(state.erp_project()?, project.code.clone()),
        method: terms.billing_method,
        events: terms.billing_events(),
    })
}

/// The wish for somebody of a role. The role's word is the CRM's; the note says what it was sold for.
pub(super) fn request(state: &Conversion, demand: &Demand) -> Result<ResourceRequest> {
    let role = state.frame()?.roles.get(&demand.role);
    let role = role.map_or_else(|| RecordRef::id(demand.role.clone()), |sold| sold.psa.clone());
    Ok(ResourceRequest {
        project: RecordRef::labelled(state.psa_project()?, state.project()?.code.clone()),
        role,
        start_date: demand.start_date,
        end_date: demand.end_date,
        minutes: demand.minutes,
        state: ResourceRequestState::Open,
        person: None,
        note: Some(format!(
            "Sold as {} for {}",
            demand.role,
            demand.workstreams.join(", ")
        )),
    })
}

/// The fact that somebody was asked for.
pub(super) fn staffing_fact(
    state: &Conversion,
    demand: &Demand,
    request_id: &str,
    requested_at: DateTime<Utc>,
) -> Result<StaffingRequested> {
    let frame = state.frame()?;
    let role = frame.roles.get(&demand.role);
    Ok(StaffingRequested {
        scope: state.scope()?,
        request: format!("{}/{request_id}", frame.psa),
        role: role.map_or_else(|| demand.role.clone(), |sold| sold.code.clone()),
        requested_at,
        start_date: demand.start_date,
        minutes: demand.minutes,
    })
}

/// The fact that time can be booked.
pub(super) fn activation_fact(state: &Conversion, activated_at: DateTime<Utc>) -> Result<ProjectActivated> {
    let deal = state.deal()?;
    let terms = &deal.terms;
    Ok(ProjectActivated {
        scope: state.scope()?,
        name: terms.name.clone(),
        opportunity: state.opportunity(),
        won_at: deal.won_at,
        activated_at,
        billing_method: terms.billing_method,
        budget: terms.amount,
        sold_minutes: terms.roles.iter().map(|role| role.minutes).sum(),
        target_margin_percent: terms.target_margin_percent,
        start_date: terms.start_date,
        end_date: terms.end_date,
    })
}

/// What billing needs to know. A charge that a milestone brings about names it; both stand in the order of the deal.
pub(super) fn contract_fact(state: &Conversion, purchase_order_required: bool) -> Result<ContractAgreed> {
    let (terms, psa) = (&state.deal()?.terms, &state.frame()?.psa);
    let by_milestone = match terms.billing_method {
        BillingMethod::Milestone | BillingMethod::FixedFee => true,
        BillingMethod::TimeAndMaterials | BillingMethod::Retainer => false,
    };
    let charge = |(n, event): (usize, canonical_model::BillingEvent)| AgreedCharge {
        id: format!("charge-{}", n + 1),
        description: event.description,
        date: event.date,
        amount: event.amount,
        milestone: state
            .milestones
            .get(n)
            .filter(|_| by_milestone)
            .map(|id| format!("{psa}/{id}")),
    };
    Ok(ContractAgreed {
        scope: state.scope()?,
        billing_method: terms.billing_method,
        currency: terms.currency(),
        cap: terms.cap,
        purchase_order: terms.purchase_order.clone(),
        purchase_order_required,
        rate_card: terms.rate_card.clone(),
        charges: terms
            .billing_events()
            .into_iter()
            .enumerate()
            .map(charge)
            .collect(),
    })
}

/// The key under which a company is written. It follows from the golden account alone, so that two deals of one new
/// company write the same record.
pub(super) fn customer_key(customer: &Customer, to: To) -> String {
    let word = match to {
        To::Erp => "customer",
        To::Psa => "client",
    };
    format!("q2p-{word}-{}", simple(customer.canonical_id))
}

fn simple(id: CanonicalId) -> String {
    id.0.simple().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversion::process::{Deal, Frame, ProjectIds};
    use crate::plan::Terms;
    use canonical_model::{Currency, Money};
    use rust_decimal::dec;
    use std::collections::BTreeMap;

    fn milestone(name: &str, day: &str, amount: rust_decimal::Decimal) -> SoldMilestone {
        SoldMilestone {
            name: name.to_owned(),
            workstream: "Delivery".to_owned(),
            due_date: day.parse().unwrap(),
            amount: Money::new(amount, Currency::EUR),
        }
    }

    fn taken_up(method: BillingMethod) -> Conversion {
        let terms = Terms {
            name: "Grid strategy".to_owned(),
            account_id: "001".to_owned(),
            legal_entity: "Northwind Advisory Deutschland".to_owned(),
            region: None,
            billing_method: method,
            amount: Money::new(dec!(1000), Currency::EUR),
            cap: None,
            manager_email: "helen.cho@northwind-advisory.example".to_owned(),
            target_margin_percent: None,
            purchase_order: None,
            rate_card: None,
            signature_date: "2026-10-01".parse().unwrap(),
            start_date: "2026-10-01".parse().unwrap(),
            end_date: "2026-12-31".parse().unwrap(),
            roles: Vec::new(),
            milestones: vec![
                milestone("Blueprint", "2026-11-01", dec!(400)),
                milestone("Handover", "2026-12-31", dec!(600)),
            ],
        };
        let account = Account {
            name: "Helios Energy GmbH".to_owned(),
            parent: Some(RecordRef::id("000")),
            website: None,
            phone: None,
            email: None,
            tax_registrations: Vec::new(),
            billing_address: None,
            payment_terms: Some(RecordRef::id("Net 60")),
            legal_entity: None,
            currency: None,
            financials: None,
        };
        let person = RecordRef::id("17");
        Conversion {
            deal: Some(Deal {
                terms,
                account,
                won_at: DateTime::UNIX_EPOCH,
            }),
            customer: Some(Customer {
                canonical_id: CanonicalId::generate(),
                erp: Some("1001".to_owned()),
                psa: Some("2001".to_owned()),
            }),
            frame: Some(Frame {
                legal_entity: "de".to_owned(),
                erp: "erp/main".to_owned(),
                psa: "psa/main".to_owned(),
                erp_entity: RecordRef::id("3"),
                psa_entity: None,
                region: None,
                rate_card: None,
                roles: BTreeMap::new(),
                psa_manager: person.clone(),
                erp_manager: person,
            }),
            project: Some(ProjectIds {
                canonical_id: CanonicalId::generate(),
                code: "HEL-1".to_owned(),
                psa: Some("77".to_owned()),
                erp: Some("88".to_owned()),
            }),
            milestones: vec!["501".to_owned(), "502".to_owned()],
            ..Conversion::of("crm/main", "006")
        }
    }

    #[test]
    fn a_charge_names_the_milestone_that_brings_it_about() {
        let agreed = contract_fact(&taken_up(BillingMethod::Milestone), true).unwrap();
        let told: Vec<_> = agreed
            .charges
            .iter()
            .map(|charge| (charge.description.as_str(), charge.milestone.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("Blueprint", Some("psa/main/501")),
                ("Handover", Some("psa/main/502"))
            ]
        );
        assert!(agreed.purchase_order_required);

        let by_the_hour = contract_fact(&taken_up(BillingMethod::TimeAndMaterials), false).unwrap();
        assert!(by_the_hour.charges.is_empty());
        let monthly = contract_fact(&taken_up(BillingMethod::Retainer), false).unwrap();
        assert_eq!(monthly.charges.len(), 3);
        assert!(monthly.charges.iter().all(|charge| charge.milestone.is_none()));
    }

    #[test]
    fn a_record_carries_ids_of_the_system_that_it_goes_to_and_nothing_that_finance_decides() {
        let state = taken_up(BillingMethod::Milestone);
        let golden = state.deal().unwrap().account.clone();
        let customer = erp_account(&state, &golden, None).unwrap();
        assert_eq!((customer.parent, customer.payment_terms), (None, None));
        assert_eq!(customer.legal_entity, Some(RecordRef::id("3")));
        assert_eq!(customer.currency, Some(Currency::EUR));

        let account_id = |project: Project| project.account.unwrap().id;
        assert_eq!(account_id(project(&state, To::Erp).unwrap()), "1001");
        assert_eq!(account_id(project(&state, To::Psa).unwrap()), "2001");
        assert_eq!(erp_contract(&state).unwrap().project.unwrap().id, "88");
        assert_eq!(crm_contract(&state).unwrap().account.id, "001");
    }

    #[test]
    fn a_skipped_step_is_named_by_the_step_that_needs_it() {
        let mut state = taken_up(BillingMethod::Milestone);
        state.customer = None;
        let failure = project(&state, To::Erp).unwrap_err();
        assert_eq!(failure.code, "step_skipped");
        assert!(failure.message.contains("customer"), "{}", failure.message);
    }
}
