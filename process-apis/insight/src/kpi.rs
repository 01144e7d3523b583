//! The key figures: what each means, and how it follows from facts. Pure, so that every figure can be recomputed.
//!
//! A figure names the facts that it is made of. A figure without facts has no value; it is never zero by default.

use std::collections::{BTreeMap, BTreeSet};

use canonical_model::{
    AssignmentChanged, AssignmentState, CanonicalId, Currency, Figure, InvoiceChanged, InvoiceStatus,
    KpiName, Minutes, Money, ProjectActivated, ProjectScope, Result, WorkPosted,
};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::facts::Facts;

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Only this legal entity (canonical code).
    pub legal_entity: Option<String>,
    /// Only this region.
    pub region: Option<String>,
}

impl Window {
    fn holds(&self, scope: &ProjectScope) -> bool {
        self.legal_entity
            .as_ref()
            .is_none_or(|e| *e == scope.legal_entity)
            && self
                .region
                .as_ref()
                .is_none_or(|r| scope.region.as_ref() == Some(r))
    }

    fn spans(&self, at: DateTime<Utc>) -> bool {
        self.contains(at.date_naive())
    }

    fn contains(&self, date: NaiveDate) -> bool {
        self.from <= date && date <= self.to
    }
}

const LINEAGE: usize = 1000;

/// What margins need and facts do not hold.
#[derive(Debug, Clone, Default)]
pub struct Costs {
    /// Cost of work in the currency of its project, by posting line.
    pub by_line: BTreeMap<CanonicalId, Money>,
}

/// Computes one figure.
///
/// # Errors
/// Fault `amount_overflow` where sums do not fit.
pub fn compute(
    name: KpiName,
    facts: &Facts,
    window: &Window,
    costs: &Costs,
    posting_hours: i64,
) -> Result<Figure> {
    match name {
        KpiName::QuoteToProjectCycleTime => Ok(cycle_time(facts, window)),
        KpiName::StaffingLeadTime => Ok(staffing_lead_time(facts, window)),
        KpiName::UtilisationAccuracy => Ok(utilisation(facts, window)),
        KpiName::InvoiceCycleTime => Ok(invoice_cycle(facts, window)),
        KpiName::WorkInProgress => work_in_progress(facts, window),
        KpiName::DaysSalesOutstanding => Ok(days_sales_outstanding(facts, window)),
        KpiName::MarginVariance => margin_variance(facts, window, costs),
        KpiName::PostedInTime => Ok(posted_in_time(facts, window, posting_hours)),
    }
}

fn cycle_time(facts: &Facts, window: &Window) -> Figure {
    let activated = facts
        .activated
        .iter()
        .filter(|f| window.holds(&f.data.scope) && window.spans(f.data.activated_at));
    median(activated.map(|f| (minutes_between(f.data.won_at, f.data.activated_at), f.id.as_str())))
}

fn staffing_lead_time(facts: &Facts, window: &Window) -> Figure {
    let asked = facts
        .requested
        .iter()
        .filter(|f| window.holds(&f.data.scope) && window.spans(f.data.requested_at));
    let met = asked.filter_map(|request| {
        let agreed = facts
            .assigned
            .iter()
            .filter(|a| confirms(&a.data, &request.data.scope, &request.data.role));
        let first = agreed
            .map(|a| a.data.changed_at)
            .filter(|at| *at >= request.data.requested_at)
            .min()?;
        let hours = minutes_between(request.data.requested_at, first) / Decimal::from(60);
        Some((hours.round_dp(2), request.id.as_str()))
    });
    median(met)
}

fn confirms(assignment: &AssignmentChanged, scope: &ProjectScope, role: &str) -> bool {
    assignment.state == AssignmentState::Confirmed
        && assignment.person.is_some()
        && assignment.scope.project_id == scope.project_id
        && assignment.role.as_deref() == Some(role)
}

fn utilisation(facts: &Facts, window: &Window) -> Figure {
    let mut newest: BTreeMap<&str, &crate::facts::Told<AssignmentChanged>> = BTreeMap::new();
    for told in facts.assigned.iter().filter(|f| window.holds(&f.data.scope)) {
        let slot = newest.entry(&told.data.assignment).or_insert(told);
        if told.data.changed_at >= slot.data.changed_at {
            *slot = told;
        }
    }
    let confirmed: Vec<_> = newest
        .into_values()
        .filter(|f| f.data.state == AssignmentState::Confirmed)
        .collect();
    let planned: Decimal = confirmed.iter().map(|f| planned_within(&f.data, window)).sum();
    let posted: Vec<_> = facts
        .posted
        .iter()
        .filter(|f| window.holds(&f.data.scope) && window.contains(f.data.date))
        .collect();
    let worked: Minutes = posted.iter().map(|f| f.data.minutes).sum();
    let value = (!planned.is_zero()).then(|| {
        let off = (worked.decimal() - planned).abs() / planned * Decimal::ONE_HUNDRED;
        (Decimal::ONE_HUNDRED - off).max(Decimal::ZERO).round_dp(1)
    });
    let ids = confirmed
        .iter()
        .map(|f| f.id.as_str())
        .chain(posted.iter().map(|f| f.id.as_str()));
    figure(value, confirmed.len(), ids)
}

fn planned_within(assignment: &AssignmentChanged, window: &Window) -> Decimal {
    let days = |from: NaiveDate, to: NaiveDate| {
        let working = from
            .iter_days()
            .take_while(|d| *d <= to)
            .filter(|d| !is_weekend(*d))
            .count();
        Decimal::from(working)
    };
    let all = days(assignment.start_date, assignment.end_date);
    let within = days(
        assignment.start_date.max(window.from),
        assignment.end_date.min(window.to),
    );
    if all.is_zero() {
        Decimal::ZERO
    } else {
        assignment.minutes.decimal() * within / all
    }
}

fn is_weekend(date: NaiveDate) -> bool {
    use chrono::{Datelike, Weekday};
    matches!(date.weekday(), Weekday::Sat | Weekday::Sun)
}

fn invoice_cycle(facts: &Facts, window: &Window) -> Figure {
    let made = facts
        .invoiced
        .iter()
        .filter(|f| window.holds(&f.data.scope) && window.spans(f.data.created_at));
    median(made.map(|f| {
        let days = f
            .data
            .created_at
            .date_naive()
            .signed_duration_since(f.data.through)
            .num_days();
        (Decimal::from(days), f.id.as_str())
    }))
}

/// Ages of work in progress, oldest limit first: days up to and including.
const AGES: [(&str, i64); 4] = [("0-30", 30), ("31-60", 60), ("61-90", 90), ("over_90", i64::MAX)];

fn work_in_progress(facts: &Facts, window: &Window) -> Result<Figure> {
    let charged: BTreeSet<CanonicalId> = facts
        .invoiced
        .iter()
        .filter(|f| f.data.created_at.date_naive() <= window.to)
        .flat_map(|f| f.data.lines.iter().copied())
        .collect();
    let open = facts.posted.iter().filter(|f| {
        window.holds(&f.data.scope)
            && f.data.posted_at.date_naive() <= window.to
            && !charged.contains(&f.data.line_id)
    });
    let mut sums: BTreeMap<Currency, Money> = BTreeMap::new();
    let mut parts: BTreeMap<String, Vec<Money>> = BTreeMap::new();
    let mut ids = Vec::new();
    for told in open {
        let Some(charge) = told.data.charge else { continue };
        add(&mut sums, charge)?;
        let days = window.to.signed_duration_since(told.data.date).num_days();
        let age = AGES
            .iter()
            .find(|(_, limit)| days <= *limit)
            .map_or("over_90", |(name, _)| name);
        add_to(parts.entry(age.to_owned()).or_default(), charge)?;
        ids.push(told.id.as_str());
    }
    let cases = ids.len();
    Ok(Figure {
        money: sums.into_values().collect(),
        parts,
        ..figure(None, cases, ids.into_iter())
    })
}

fn days_sales_outstanding(facts: &Facts, window: &Window) -> Figure {
    let newest = newest_invoices(facts, window);
    let since = window.to - chrono::Duration::days(89);
    let mut currencies: BTreeSet<Currency> = newest.iter().map(|f| f.data.total.currency).collect();
    let Some(currency) = currencies.pop_first().filter(|_| currencies.is_empty()) else {
        return figure(None, newest.len(), newest.iter().map(|f| f.id.as_str()));
    };
    let live = || {
        newest
            .iter()
            .filter(|f| f.data.total.currency == currency && f.data.status != InvoiceStatus::Cancelled)
    };
    let receivable: Decimal = live()
        .map(|f| f.data.total.amount - f.data.amount_paid.amount)
        .sum();
    let billed: Decimal = live()
        .filter(|f| f.data.date >= since)
        .map(|f| f.data.total.amount)
        .sum();
    let value = (!billed.is_zero()).then(|| (receivable / billed * Decimal::from(90)).round_dp(1));
    figure(value, newest.len(), newest.iter().map(|f| f.id.as_str()))
}

fn newest_invoices<'a>(facts: &'a Facts, window: &Window) -> Vec<&'a crate::facts::Told<InvoiceChanged>> {
    let mut newest: BTreeMap<&str, &crate::facts::Told<InvoiceChanged>> = BTreeMap::new();
    let fits = |f: &&crate::facts::Told<InvoiceChanged>| {
        f.data.date <= window.to
            && window
                .legal_entity
                .as_ref()
                .is_none_or(|e| f.data.legal_entity.as_ref() == Some(e))
    };
    for told in facts.changed.iter().filter(fits) {
        let slot = newest.entry(&told.data.invoice).or_insert(told);
        if told.data.changed_at >= slot.data.changed_at {
            *slot = told;
        }
    }
    newest.into_values().collect()
}

/// Revenue, cost and margin of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earned {
    /// Net invoiced.
    pub revenue: Money,
    /// Cost of posted work.
    pub cost: Money,
    /// Revenue less cost in percent of revenue.
    pub margin_percent: Option<Decimal>,
    /// The facts.
    pub lineage: Vec<String>,
}

/// What a project earned up to a day.
///
/// # Errors
/// Fault `currency_mismatch` where costs are in another currency than the project's invoices.
pub fn earned(facts: &Facts, project: &ProjectActivated, to: NaiveDate, costs: &Costs) -> Result<Earned> {
    let id = project.scope.project_id;
    let invoices = || {
        facts
            .invoiced
            .iter()
            .filter(|f| f.data.scope.project_id == id && f.data.date <= to)
    };
    let work = || {
        facts
            .posted
            .iter()
            .filter(|f| f.data.scope.project_id == id && f.data.date <= to)
    };
    let credits = || {
        let of_project = facts.credited.iter().filter(|f| f.data.scope.project_id == id);
        of_project.filter(|f| f.data.reversed_at.date_naive() <= to)
    };
    let charged = invoices().map(|f| f.data.net);
    let revenue = Money::sum(
        project.budget.currency,
        charged.chain(credits().filter_map(|f| f.data.charge)),
    )?;
    let cost = Money::sum(
        project.budget.currency,
        work().filter_map(|f| cost_of(&f.data, costs)),
    )?;
    let margin_percent = (!revenue.amount.is_zero())
        .then(|| ((revenue.amount - cost.amount) / revenue.amount * Decimal::ONE_HUNDRED).round_dp(2));
    let lineage = invoices()
        .map(|f| f.id.clone())
        .chain(work().map(|f| f.id.clone()))
        .take(LINEAGE)
        .collect();
    Ok(Earned {
        revenue,
        cost,
        margin_percent,
        lineage,
    })
}

fn cost_of(work: &WorkPosted, costs: &Costs) -> Option<Money> {
    costs.by_line.get(&work.line_id).copied()
}

fn margin_variance(facts: &Facts, window: &Window, costs: &Costs) -> Result<Figure> {
    let mut weighted = Decimal::ZERO;
    let mut weight = Decimal::ZERO;
    let mut cases = 0;
    let mut lineage = Vec::new();
    for project in facts.activated.iter().filter(|f| window.holds(&f.data.scope)) {
        let earned = earned(facts, &project.data, window.to, costs)?;
        if let (Some(margin), Some(sold)) = (earned.margin_percent, project.data.target_margin_percent) {
            weighted += (margin - sold) * earned.revenue.amount;
            weight += earned.revenue.amount;
            cases += 1;
            lineage.extend(earned.lineage);
        }
    }
    let value = (!weight.is_zero()).then(|| (weighted / weight).round_dp(2));
    Ok(figure(value, cases, lineage.iter().map(String::as_str)))
}

fn posted_in_time(facts: &Facts, window: &Window, posting_hours: i64) -> Figure {
    let limit = chrono::Duration::hours(posting_hours);
    let posted = facts
        .posted
        .iter()
        .filter(|f| window.holds(&f.data.scope) && window.spans(f.data.posted_at));
    let timed: Vec<_> = posted
        .filter_map(|f| {
            f.data
                .approved_at
                .map(|at| (f.data.posted_at - at <= limit, f.id.as_str()))
        })
        .collect();
    let share = |met: usize| Decimal::from(met) * Decimal::ONE_HUNDRED / Decimal::from(timed.len());
    let value = (!timed.is_empty()).then(|| share(timed.iter().filter(|(met, _)| *met).count()).round_dp(1));
    figure(value, timed.len(), timed.iter().map(|(_, id)| *id))
}

fn minutes_between(from: DateTime<Utc>, to: DateTime<Utc>) -> Decimal {
    (Decimal::from((to - from).num_milliseconds()) / Decimal::from(60_000)).round_dp(2)
}

fn median<'a>(cases: impl Iterator<Item = (Decimal, &'a str)>) -> Figure {
    let cases: Vec<(Decimal, &str)> = cases.collect();
    let mut values: Vec<Decimal> = cases.iter().map(|(value, _)| *value).collect();
    values.sort_unstable();
    let middle = values.len() / 2;
    let value = match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(low), Some(high)) if values.len().is_multiple_of(2) => Some((*low + *high) / Decimal::TWO),
        (_, high) => high.copied(),
    };
    figure(
        value.map(|v| v.round_dp(2)),
        cases.len(),
        cases.iter().map(|(_, id)| *id),
    )
}

fn figure<'a>(value: Option<Decimal>, cases: usize, lineage: impl Iterator<Item = &'a str>) -> Figure {
    Figure {
        value: value.map(|v| v.normalize()),
        money: Vec::new(),
        parts: BTreeMap::new(),
        cases: u64::try_from(cases).unwrap_or(u64::MAX),
        lineage: lineage.take(LINEAGE).map(str::to_owned).collect(),
    }
}

fn add(sums: &mut BTreeMap<Currency, Money>, money: Money) -> Result<()> {
    let sum = sums
        .entry(money.currency)
        .or_insert_with(|| Money::zero(money.currency));
    *sum = sum.checked_add(money)?;
    Ok(())
}

fn add_to(sums: &mut Vec<Money>, money: Money) -> Result<()> {
    match sums.iter_mut().find(|sum| sum.currency == money.currency) {
        Some(sum) => *sum = sum.checked_add(money)?,
        None => sums.push(money),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Told;
    use canonical_model::{BillingMethod, Fact, InvoiceCreated, SourceKind, StaffingRequested, WorkReversed};
    use rust_decimal::dec;

    fn at(text: &str) -> DateTime<Utc> {
        format!("{text}:00Z").parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn eur(amount: Decimal) -> Money {
        Money::new(amount, Currency::EUR)
    }

    fn scope() -> ProjectScope {
        let id = |n: u128| CanonicalId(uuid::Uuid::from_u128(n));
        ProjectScope {
            project_id: id(1),
            project_code: "HEL-1".to_owned(),
            account_id: id(2),
            account_name: "Helios".to_owned(),
            legal_entity: "de".to_owned(),
            region: Some("EMEA".to_owned()),
        }
    }

    fn november() -> Window {
        Window {
            from: day("2026-11-01"),
            to: day("2026-11-30"),
            legal_entity: None,
            region: None,
        }
    }

    fn told<T>(id: &str, data: T) -> Told<T> {
        Told {
            id: id.to_owned(),
            data,
        }
    }

    fn activated(won: &str, active: &str) -> ProjectActivated {
        ProjectActivated {
            scope: scope(),
            name: "Grid".to_owned(),
            opportunity: "crm/main/006".to_owned(),
            won_at: at(won),
            activated_at: at(active),
            billing_method: BillingMethod::TimeAndMaterials,
            budget: eur(dec!(10000)),
            sold_minutes: Minutes::new(6000),
            target_margin_percent: Some(dec!(35)),
            start_date: day("2026-11-01"),
            end_date: day("2026-11-30"),
        }
    }

    fn posted(line: u128, date: &str, minutes: i64, charge: Decimal) -> WorkPosted {
        WorkPosted {
            scope: scope(),
            line_id: CanonicalId(uuid::Uuid::from_u128(line)),
            source: SourceKind::TimeEntry,
            source_record: format!("psa/main/{line}"),
            person: "anna.keller@northwind-advisory.example".to_owned(),
            role: Some("partner".to_owned()),
            date: day(date),
            minutes: Minutes::new(minutes),
            charge: Some(eur(charge)),
            spent: None,
            approved_at: Some(at("2026-11-10T08:00")),
            posted_at: at("2026-11-10T09:00"),
        }
    }

    fn assignment(state: AssignmentState, minutes: i64) -> AssignmentChanged {
        AssignmentChanged {
            scope: scope(),
            assignment: "psa/main/5".to_owned(),
            person: Some("anna.keller@northwind-advisory.example".to_owned()),
            role: Some("partner".to_owned()),
            state,
            start_date: day("2026-11-02"),
            end_date: day("2026-11-06"),
            minutes: Minutes::new(minutes),
            changed_at: at("2026-11-02T12:00"),
        }
    }

    fn value(name: KpiName, facts: &Facts) -> Option<Decimal> {
        compute(name, facts, &november(), &Costs::default(), 24)
            .unwrap()
            .value
    }

    #[test]
    fn without_facts_no_figure_has_a_value() {
        for name in KpiName::ALL {
            let figure = compute(name, &Facts::default(), &november(), &Costs::default(), 24).unwrap();
            assert_eq!(
                (figure.value, figure.cases, figure.money.len()),
                (None, 0, 0),
                "{name:?}"
            );
        }
    }

    #[test]
    fn cycle_time_is_the_median_and_names_its_facts() {
        let facts = Facts {
            activated: vec![
                told("a", activated("2026-11-01T10:00", "2026-11-01T10:04")),
                told("b", activated("2026-11-01T10:00", "2026-11-01T10:09")),
                told("c", activated("2026-10-01T10:00", "2026-10-01T10:59")),
            ],
            ..Facts::default()
        };
        let figure = compute(
            KpiName::QuoteToProjectCycleTime,
            &facts,
            &november(),
            &Costs::default(),
            24,
        )
        .unwrap();
        assert_eq!((figure.value, figure.cases), (Some(dec!(6.5)), 2));
        assert_eq!(figure.lineage, ["a", "b"]);
    }

    #[test]
    fn utilisation_takes_the_newest_plan_and_posted_time() {
        let mut facts = Facts {
            assigned: vec![told("a", assignment(AssignmentState::Confirmed, 2400))],
            posted: vec![told("p", posted(1, "2026-11-03", 1920, dec!(1)))],
            ..Facts::default()
        };
        assert_eq!(value(KpiName::UtilisationAccuracy, &facts), Some(dec!(80)));
        let mut withdrawn = assignment(AssignmentState::Cancelled, 2400);
        withdrawn.changed_at = at("2026-11-03T12:00");
        facts.assigned.push(told("b", withdrawn));
        assert_eq!(value(KpiName::UtilisationAccuracy, &facts), None);
    }

    #[test]
    fn work_in_progress_ends_with_the_invoice() {
        let mut facts = Facts {
            posted: vec![
                told("p", posted(1, "2026-11-03", 60, dec!(150))),
                told("q", posted(2, "2026-09-20", 60, dec!(99))),
            ],
            ..Facts::default()
        };
        let figure = compute(
            KpiName::WorkInProgress,
            &facts,
            &november(),
            &Costs::default(),
            24,
        )
        .unwrap();
        assert_eq!(figure.money, [eur(dec!(249))]);
        assert_eq!(figure.parts.keys().collect::<Vec<_>>(), ["0-30", "61-90"]);
        facts
            .invoiced
            .push(told("i", invoice(dec!(150), vec![facts.posted[0].data.line_id])));
        let figure = compute(
            KpiName::WorkInProgress,
            &facts,
            &november(),
            &Costs::default(),
            24,
        )
        .unwrap();
        assert_eq!(figure.money, [eur(dec!(99))]);
    }

    fn invoice(net: Decimal, lines: Vec<CanonicalId>) -> InvoiceCreated {
        InvoiceCreated {
            scope: scope(),
            invoice: "erp/main/9".to_owned(),
            billing_method: BillingMethod::TimeAndMaterials,
            date: day("2026-11-12"),
            net: eur(net),
            lines,
            through: day("2026-11-09"),
            created_at: at("2026-11-12T10:00"),
        }
    }

    fn standing(total: Decimal, paid: Decimal, changed: &str) -> InvoiceChanged {
        InvoiceChanged {
            invoice: "erp/main/9".to_owned(),
            number: Some("INV9".to_owned()),
            account_id: scope().account_id,
            account_name: "Helios".to_owned(),
            project_id: None,
            legal_entity: None,
            status: InvoiceStatus::Open,
            date: day("2026-11-12"),
            due_date: None,
            net: eur(total),
            total: eur(total),
            amount_paid: eur(paid),
            changed_at: at(changed),
        }
    }

    #[test]
    fn days_sales_outstanding_follows_the_newest_state_of_each_invoice() {
        let mut facts = Facts {
            changed: vec![told("a", standing(dec!(100), dec!(0), "2026-11-12T10:00"))],
            ..Facts::default()
        };
        assert_eq!(value(KpiName::DaysSalesOutstanding, &facts), Some(dec!(90)));
        facts
            .changed
            .push(told("b", standing(dec!(100), dec!(75), "2026-11-20T10:00")));
        assert_eq!(value(KpiName::DaysSalesOutstanding, &facts), Some(dec!(22.5)));
    }

    #[test]
    fn what_is_taken_back_leaves_nothing_behind() {
        let (line, other) = (
            CanonicalId(uuid::Uuid::from_u128(10)),
            CanonicalId(uuid::Uuid::from_u128(11)),
        );
        let back = |line: u128, reverses, credit_note: Option<&str>| WorkReversed {
            scope: scope(),
            line_id: CanonicalId(uuid::Uuid::from_u128(line)),
            reverses,
            source: SourceKind::TimeEntry,
            source_record: "psa/main/1".to_owned(),
            person: "anna@firm.example".to_owned(),
            date: day("2026-11-10"),
            minutes: Minutes::new(-480),
            charge: Some(eur(dec!(-1200))),
            spent: None,
            credit_note: credit_note.map(str::to_owned),
            reversed_at: at("2026-11-25T10:00"),
        };
        let mut facts = Facts {
            activated: vec![told("p", activated("2026-10-01T08:00", "2026-10-01T09:00"))],
            posted: vec![
                told("1", posted(10, "2026-11-10", 480, dec!(1200))),
                told("2", posted(11, "2026-11-10", 480, dec!(1200))),
            ],
            invoiced: vec![told("i", invoice(dec!(1200), vec![line]))],
            ..Facts::default()
        };
        facts.push(
            "3".to_owned(),
            Fact::WorkReversed(back(20, line, Some("erp/main/9"))),
        );
        facts.push("4".to_owned(), Fact::WorkReversed(back(21, other, None)));
        let figure = compute(
            KpiName::WorkInProgress,
            &facts,
            &november(),
            &Costs::default(),
            24,
        )
        .unwrap();
        assert_eq!(figure.money, [eur(dec!(0))]);
        let project = &facts.activated[0].data;
        let earned = earned(&facts, project, day("2026-11-30"), &Costs::default()).unwrap();
        assert_eq!(earned.revenue, eur(dec!(0)));
        let minutes: Minutes = facts.posted.iter().map(|f| f.data.minutes).sum();
        assert_eq!(minutes, Minutes::default());
    }

    #[test]
    fn margin_variance_is_earned_less_sold() {
        let work = posted(1, "2026-11-03", 60, dec!(1000));
        let costs = Costs {
            by_line: BTreeMap::from([(work.line_id, eur(dec!(600)))]),
        };
        let facts = Facts {
            activated: vec![told("a", activated("2026-11-01T10:00", "2026-11-01T10:04"))],
            invoiced: vec![told("i", invoice(dec!(1000), vec![work.line_id]))],
            posted: vec![told("p", work)],
            ..Facts::default()
        };
        let figure = compute(KpiName::MarginVariance, &facts, &november(), &costs, 24).unwrap();
        assert_eq!(figure.value, Some(dec!(5)));
        assert_eq!(value(KpiName::InvoiceCycleTime, &facts), Some(dec!(3)));
        assert_eq!(value(KpiName::PostedInTime, &facts), Some(dec!(100)));
    }

    #[test]
    fn a_request_is_met_by_its_own_role_only() {
        let request = StaffingRequested {
            scope: scope(),
            request: "psa/main/8".to_owned(),
            role: "partner".to_owned(),
            requested_at: at("2026-11-02T06:00"),
            start_date: day("2026-11-02"),
            minutes: Minutes::new(60),
        };
        let mut facts = Facts {
            requested: vec![told("r", request)],
            assigned: vec![told("a", assignment(AssignmentState::Confirmed, 60))],
            ..Facts::default()
        };
        assert_eq!(value(KpiName::StaffingLeadTime, &facts), Some(dec!(6)));
        facts.assigned[0].data.role = Some("analyst".to_owned());
        assert_eq!(value(KpiName::StaffingLeadTime, &facts), None);
    }
}
