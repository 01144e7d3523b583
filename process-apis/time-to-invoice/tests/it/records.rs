//! Records that several tests use.

use canonical_model::{
    AgreedCharge, ApprovalState, BillingMethod, CanonicalId, ContractAgreed, Currency, Minutes, Money,
    ProjectScope, Rate, RatePer, RecordRef, TimeEntry,
};
use rust_decimal::{Decimal, dec};

/// Eight hours at 150 euros, as the PSA has them.
pub(crate) fn hours(project: &str, day: &str) -> TimeEntry {
    TimeEntry {
        person: RecordRef::labelled("7", "anna.keller@northwind-advisory.example"),
        project: RecordRef::id(project),
        task: Some(RecordRef::id("410")),
        role: Some(RecordRef::labelled("117", "Senior Consultant")),
        date: day.parse().unwrap(),
        minutes: Minutes::new(480),
        billable: true,
        rate: Some(Rate {
            money: euros(dec!(150)),
            per: RatePer::Hour,
        }),
        cost_rate: None,
        legal_entity: None,
        tax_code: None,
        note: Some(format!("Workshop of {day}")),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: None,
    }
}

pub(crate) fn euros(amount: Decimal) -> Money {
    Money::new(amount, Currency::EUR)
}

pub(crate) fn scope(project_id: CanonicalId) -> ProjectScope {
    ProjectScope {
        project_id,
        project_code: "HEL-1".to_owned(),
        account_id: CanonicalId::generate(),
        account_name: "Helios Energy GmbH".to_owned(),
        legal_entity: "de".to_owned(),
        region: Some("emea".to_owned()),
    }
}

/// A contract with a cap, and charges by `(id, day, amount, milestone)`.
pub(crate) fn contract(
    project_id: CanonicalId,
    billing_method: BillingMethod,
    charges: &[(&str, &str, Decimal, Option<&str>)],
) -> ContractAgreed {
    let charge = |(id, day, amount, milestone): &(&str, &str, Decimal, Option<&str>)| AgreedCharge {
        id: (*id).to_owned(),
        description: format!("Charge {id}"),
        date: day.parse().unwrap(),
        amount: euros(*amount),
        milestone: milestone.map(str::to_owned),
    };
    ContractAgreed {
        scope: scope(project_id),
        billing_method,
        currency: Currency::EUR,
        cap: Some(euros(dec!(10000))),
        purchase_order: None,
        purchase_order_required: false,
        rate_card: None,
        charges: charges.iter().map(charge).collect(),
    }
}
