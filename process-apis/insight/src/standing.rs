//! How projects, invoices and accounts stand, from facts. Pure.

use std::collections::{BTreeMap, BTreeSet};

use canonical_model::{
    AccountMargin, CanonicalId, Currency, InvoiceChanged, InvoiceStanding, Minutes, Money, ProjectActivated,
    ProjectStanding, Result,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::facts::{Facts, Told};
use crate::kpi::{Costs, earned};

/// How every project stands on a day, by code. `with_cost` is for readers who may see what work costs.
///
/// # Errors
/// Fault `currency_mismatch` where a project is charged in several currencies; Fault `amount_overflow`.
pub fn projects(
    facts: &Facts,
    costs: &Costs,
    on: NaiveDate,
    with_cost: bool,
) -> Result<Vec<ProjectStanding>> {
    let invoiced: BTreeSet<CanonicalId> = facts
        .invoiced
        .iter()
        .flat_map(|f| f.data.lines.iter().copied())
        .collect();
    let mut standings = newest_activations(facts)
        .into_values()
        .map(|project| project_standing(facts, costs, &invoiced, project, on, with_cost))
        .collect::<Result<Vec<_>>>()?;
    standings.sort_by(|a, b| a.scope.project_code.cmp(&b.scope.project_code));
    Ok(standings)
}

/// How one project stands on a day; none where it is not known.
///
/// # Errors
/// As [`projects`].
pub fn project(
    facts: &Facts,
    costs: &Costs,
    id: CanonicalId,
    on: NaiveDate,
    with_cost: bool,
) -> Result<Option<ProjectStanding>> {
    let Some(project) = newest_activations(facts).remove(&id) else {
        return Ok(None);
    };
    let of_project = facts.invoiced.iter().filter(|f| f.data.scope.project_id == id);
    let invoiced = of_project.flat_map(|f| f.data.lines.iter().copied()).collect();
    project_standing(facts, costs, &invoiced, project, on, with_cost).map(Some)
}

fn newest_activations(facts: &Facts) -> BTreeMap<CanonicalId, &ProjectActivated> {
    facts
        .activated
        .iter()
        .map(|f| (f.data.scope.project_id, &f.data))
        .collect()
}

fn project_standing(
    facts: &Facts,
    costs: &Costs,
    invoiced: &BTreeSet<CanonicalId>,
    project: &ProjectActivated,
    on: NaiveDate,
    with_cost: bool,
) -> Result<ProjectStanding> {
    let id = project.scope.project_id;
    let currency = project.budget.currency;
    let posted = || {
        facts
            .posted
            .iter()
            .filter(|f| f.data.scope.project_id == id && f.data.date <= on)
    };
    let waiting = posted()
        .filter(|f| !invoiced.contains(&f.data.line_id))
        .filter_map(|f| f.data.charge);
    let work_in_progress = Money::sum(currency, waiting)?;
    let earned = earned(facts, project, on, costs)?;
    let used = earned.revenue.checked_add(work_in_progress)?;
    let burn_percent = if project.budget.amount.is_zero() {
        Decimal::ZERO
    } else {
        (used.amount * Decimal::ONE_HUNDRED / project.budget.amount)
            .round_dp(1)
            .normalize()
    };
    Ok(ProjectStanding {
        scope: project.scope.clone(),
        name: project.name.clone(),
        billing_method: project.billing_method,
        activated_at: project.activated_at,
        start_date: project.start_date,
        end_date: project.end_date,
        budget: project.budget,
        sold_minutes: project.sold_minutes,
        posted_minutes: posted().map(|f| f.data.minutes).sum::<Minutes>(),
        invoiced: earned.revenue,
        work_in_progress,
        burn_percent,
        target_margin_percent: project.target_margin_percent,
        cost: with_cost.then_some(earned.cost),
        margin_percent: earned.margin_percent.filter(|_| with_cost),
    })
}

/// How every invoice stands, the newest first.
#[must_use]
pub fn invoices(facts: &Facts) -> Vec<(CanonicalId, Option<CanonicalId>, InvoiceStanding)> {
    let codes: BTreeMap<CanonicalId, &str> = facts
        .activated
        .iter()
        .map(|f| (f.data.scope.project_id, f.data.scope.project_code.as_str()))
        .collect();
    let mut standings: Vec<_> = newest_invoices(facts)
        .into_values()
        .map(|told| {
            let invoice = &told.data;
            let standing = InvoiceStanding {
                invoice: invoice.invoice.clone(),
                number: invoice.number.clone(),
                account_name: invoice.account_name.clone(),
                project_code: invoice
                    .project_id
                    .and_then(|id| codes.get(&id))
                    .map(|code| (*code).to_owned()),
                status: invoice.status,
                date: invoice.date,
                due_date: invoice.due_date,
                net: invoice.net,
                total: invoice.total,
                amount_paid: invoice.amount_paid,
            };
            (invoice.account_id, invoice.project_id, standing)
        })
        .collect();
    standings.sort_by(|a, b| (b.2.date, &b.2.invoice).cmp(&(a.2.date, &a.2.invoice)));
    standings
}

fn newest_invoices(facts: &Facts) -> BTreeMap<&str, &Told<InvoiceChanged>> {
    let mut newest: BTreeMap<&str, &Told<InvoiceChanged>> = BTreeMap::new();
    for told in &facts.changed {
        let slot = newest.entry(&told.data.invoice).or_insert(told);
        if told.data.changed_at >= slot.data.changed_at {
            *slot = told;
        }
    }
    newest
}

/// What an account's projects earned by a day, one entry a currency.
///
/// # Errors
/// As [`projects`].
pub fn account_margins(
    facts: &Facts,
    costs: &Costs,
    account: CanonicalId,
    on: NaiveDate,
) -> Result<Vec<AccountMargin>> {
    let mut sums: BTreeMap<Currency, (Money, Money)> = BTreeMap::new();
    for project in newest_activations(facts)
        .into_values()
        .filter(|p| p.scope.account_id == account)
    {
        let earned = earned(facts, project, on, costs)?;
        let currency = earned.revenue.currency;
        let (revenue, cost) = sums
            .entry(currency)
            .or_insert((Money::zero(currency), Money::zero(currency)));
        *revenue = revenue.checked_add(earned.revenue)?;
        *cost = cost.checked_add(earned.cost)?;
    }
    Ok(sums
        .into_iter()
        .map(|(currency, (revenue, cost))| margin(currency, revenue, cost))
        .collect())
}

fn margin(currency: Currency, revenue: Money, cost: Money) -> AccountMargin {
    let percent = |earned: Decimal| {
        (earned * Decimal::ONE_HUNDRED / revenue.amount)
            .round_dp(2)
            .normalize()
    };
    AccountMargin {
        currency,
        revenue,
        cost,
        margin_percent: (!revenue.amount.is_zero()).then(|| percent(revenue.amount - cost.amount)),
    }
}
