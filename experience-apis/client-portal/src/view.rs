//! What a client may see. Pure: insight's records in, view out; never cost, margin or anybody's rate.

use std::collections::BTreeSet;

use canonical_model::{CanonicalId, InvoiceStanding, InvoiceStatus, Money, ProjectStanding};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A project of the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientProject {
    /// Its canonical id.
    pub id: CanonicalId,
    /// The firm's code for it.
    #[schema(example = "HEL-509EA76F")]
    pub code: String,
    /// What it is called.
    pub name: String,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// What was agreed.
    pub budget: Money,
    /// Net invoiced.
    pub invoiced: Money,
    /// Worked and not invoiced yet.
    pub work_in_progress: Money,
    /// Invoiced and in progress, in percent of the budget.
    #[schema(value_type = String, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "62.5")]
    pub used_percent: Decimal,
}

/// An invoice to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientInvoice {
    /// Its number, once the books have given it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The firm's code of the project, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_code: Option<String>,
    /// Invoice date.
    pub date: NaiveDate,
    /// Day by which it shall be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_date: Option<NaiveDate>,
    /// Net amount.
    pub net: Money,
    /// Gross amount.
    pub total: Money,
    /// Paid so far.
    pub amount_paid: Money,
    /// Where it stands.
    pub status: InvoiceStatus,
}

impl From<ProjectStanding> for ClientProject {
    fn from(standing: ProjectStanding) -> Self {
        Self {
            id: standing.scope.project_id,
            code: standing.scope.project_code,
            name: standing.name,
            start_date: standing.start_date,
            end_date: standing.end_date,
            budget: standing.budget,
            invoiced: standing.invoiced,
            work_in_progress: standing.work_in_progress,
            used_percent: standing.burn_percent,
        }
    }
}

impl From<InvoiceStanding> for ClientInvoice {
    fn from(standing: InvoiceStanding) -> Self {
        Self {
            number: standing.number,
            project_code: standing.project_code,
            date: standing.date,
            due_date: standing.due_date,
            net: standing.net,
            total: standing.total,
            amount_paid: standing.amount_paid,
            status: standing.status,
        }
    }
}

/// The projects of one account. They are asked for by account, and checked again here: what is another's never leaves.
#[must_use]
pub fn projects_of(account: CanonicalId, standings: Vec<ProjectStanding>) -> Vec<ClientProject> {
    standings
        .into_iter()
        .filter(|standing| standing.scope.account_id == account)
        .map(ClientProject::from)
        .collect()
}

/// The invoices without drafts, which are the firm's own business until they are sent.
#[must_use]
pub fn shown_invoices(standings: Vec<InvoiceStanding>) -> Vec<ClientInvoice> {
    standings
        .into_iter()
        .filter(|standing| standing.status != InvoiceStatus::Draft)
        .map(ClientInvoice::from)
        .collect()
}

/// Whose projects these are, each account once, by name.
#[must_use]
pub fn accounts_of(standings: Vec<ProjectStanding>) -> Vec<(String, CanonicalId)> {
    let accounts: BTreeSet<_> = standings
        .into_iter()
        .map(|standing| (standing.scope.account_name, standing.scope.account_id))
        .collect();
    accounts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{BillingMethod, Currency, Minutes, ProjectScope};
    use rust_decimal::dec;

    fn standing(account_id: CanonicalId) -> ProjectStanding {
        let eur = |amount| Money::new(amount, Currency::EUR);
        ProjectStanding {
            scope: ProjectScope {
                project_id: CanonicalId::generate(),
                project_code: "HEL-1".to_owned(),
                account_id,
                account_name: "Helios".to_owned(),
                legal_entity: "de".to_owned(),
                region: None,
            },
            name: "Grid strategy".to_owned(),
            billing_method: BillingMethod::TimeAndMaterials,
            activated_at: "2026-11-01T08:00:00Z".parse().unwrap(),
            start_date: "2026-11-02".parse().unwrap(),
            end_date: "2026-12-31".parse().unwrap(),
            budget: eur(dec!(10000)),
            sold_minutes: Minutes::new(6000),
            posted_minutes: Minutes::new(600),
            invoiced: eur(dec!(1000)),
            work_in_progress: eur(dec!(500)),
            burn_percent: dec!(15),
            target_margin_percent: Some(dec!(35)),
            cost: Some(eur(dec!(777))),
            margin_percent: Some(dec!(22.3)),
        }
    }

    #[test]
    fn what_is_anothers_is_left_out_even_if_it_was_answered() {
        let (own, other) = (
            standing(CanonicalId::generate()),
            standing(CanonicalId::generate()),
        );
        let both = vec![other.clone(), own.clone()];
        let shown: Vec<_> = projects_of(own.scope.account_id, both.clone())
            .into_iter()
            .map(|project| project.id)
            .collect();
        assert_eq!(shown, [own.scope.project_id]);
        assert!(projects_of(CanonicalId::generate(), both.clone()).is_empty());
        assert_eq!(accounts_of([both.clone(), both].concat()).len(), 2);
    }

    #[test]
    fn a_client_is_told_neither_cost_nor_margin_nor_hours() {
        let standing = standing(CanonicalId::generate());
        let shown = serde_json::to_value(ClientProject::from(standing)).unwrap();
        let names: Vec<_> = shown.as_object().unwrap().keys().cloned().collect();
        let may_see = [
            "budget",
            "code",
            "end_date",
            "id",
            "invoiced",
            "name",
            "start_date",
            "used_percent",
            "work_in_progress",
        ];
        assert_eq!(names, may_see);
    }

    #[test]
    fn a_draft_is_not_shown() {
        let eur = |amount| Money::new(amount, Currency::EUR);
        let invoice = |status| InvoiceStanding {
            invoice: "erp/main/107".to_owned(),
            number: None,
            account_name: "Helios".to_owned(),
            project_code: None,
            status,
            date: "2026-11-20".parse().unwrap(),
            due_date: None,
            net: eur(dec!(100)),
            total: eur(dec!(119)),
            amount_paid: eur(dec!(0)),
        };
        let shown = shown_invoices(vec![invoice(InvoiceStatus::Draft), invoice(InvoiceStatus::Open)]);
        assert_eq!(shown.len(), 1);
        assert!(shown.iter().all(|invoice| invoice.status == InvoiceStatus::Open));
    }
}
