//! From posted lines and agreed charges to an invoice: pure, so that every cent can be followed.
//!
//! Rounding happens in one place, the charge of each source line (see [`crate::line::Work::charge`]); an invoice line
//! is the plain sum of its sources, so the sources of an invoice always add up to it.

use std::collections::BTreeMap;

use canonical_model::{
    BillingEvent, Currency, Failure, Invoice, InvoiceLine, InvoiceStatus, LineSource, Minutes, Money, Rate,
    RatePer, RecordRef, Result, SourceKind,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::line::{PostingLine, WORKING_DAY, Work};

/// What was agreed about charging a project. References are ids of the ERP.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Terms {
    /// Who pays.
    pub account: RecordRef,
    /// The project.
    pub project: RecordRef,
    /// The entity that charges.
    pub legal_entity: RecordRef,
    /// The currency of the contract.
    pub currency: Currency,
    /// Charges shall not go beyond this.
    pub cap: Option<Money>,
    /// Net charged by earlier invoices.
    pub charged_before: Money,
    /// The client's purchase order.
    pub purchase_order: Option<String>,
    /// The client pays only against a purchase order.
    pub purchase_order_required: bool,
}

/// An invoice for time and expenses that are posted and not yet charged.
///
/// # Errors
/// Business `nothing_to_bill`, `over_cap`, `missing_purchase_order`; Fault `currency_mismatch` where a line is in
/// another currency than the contract.
pub fn time_and_materials(terms: &Terms, lines: &[PostingLine], date: NaiveDate) -> Result<Invoice> {
    let mut groups: BTreeMap<(u8, String), Vec<&PostingLine>> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.work.charge().is_some()) {
        groups.entry(group_key(&line.work)).or_default().push(line);
    }
    let mut invoice_lines = Vec::with_capacity(groups.len());
    for group in groups.values() {
        invoice_lines.push(group_line(terms.currency, group)?);
    }
    compose(terms, invoice_lines, date, "Time and expenses")
}

/// An invoice for an agreed charge: a milestone that was reached, or an event of the schedule that is due.
///
/// # Errors
/// As [`time_and_materials`].
pub fn agreed_charge(
    terms: &Terms,
    event: &BillingEvent,
    source: LineSource,
    date: NaiveDate,
) -> Result<Invoice> {
    let line = InvoiceLine {
        description: event.description.clone(),
        quantity: Decimal::ONE,
        unit_price: event.amount,
        amount: event.amount,
        role: None,
        tax_code: None,
        sources: vec![source],
    };
    compose(terms, vec![line], date, &event.description)
}

fn compose(terms: &Terms, lines: Vec<InvoiceLine>, date: NaiveDate, memo: &str) -> Result<Invoice> {
    let net = Money::sum(terms.currency, lines.iter().map(|l| l.amount))?;
    if net.amount.is_zero() || net.amount.is_sign_negative() {
        return Err(Failure::business(
            "nothing_to_bill",
            format!("project {} has nothing to charge on {date}", project_name(terms)),
        ));
    }
    check_agreement(terms, net)?;
    Ok(Invoice {
        number: None,
        account: terms.account.clone(),
        project: Some(terms.project.clone()),
        legal_entity: Some(terms.legal_entity.clone()),
        date,
        due_date: None,
        currency: terms.currency,
        purchase_order: terms.purchase_order.clone(),
        memo: Some(memo.to_owned()),
        lines,
        net: Some(net),
        tax: None,
        total: None,
        amount_paid: None,
        status: InvoiceStatus::Open,
    })
}

fn check_agreement(terms: &Terms, net: Money) -> Result<()> {
    if terms.purchase_order_required && terms.purchase_order.is_none() {
        let message = format!(
            "project {} is charged against a purchase order only, and has none",
            project_name(terms)
        );
        return Err(Failure::business("missing_purchase_order", message));
    }
    let after = terms.charged_before.checked_add(net)?;
    match terms.cap {
        Some(cap) if after.checked_sub(cap)?.amount > Decimal::ZERO => {
            let over = after.checked_sub(cap)?;
            let message = format!(
                "{net} on project {} would bring it to {after}, {over} over its cap of {cap}; raise the cap or charge less",
                project_name(terms)
            );
            Err(Failure::business("over_cap", message))
        }
        _ => Ok(()),
    }
}

fn project_name(terms: &Terms) -> &str {
    terms.project.label.as_deref().unwrap_or(&terms.project.id)
}

fn group_key(work: &Work) -> (u8, String) {
    match work {
        Work::Time(entry) => {
            let role = entry.role.as_ref().map_or("", |r| r.id.as_str());
            let rate = entry.rate.map_or_else(String::new, |r| r.money.to_string());
            (0, format!("{role} {rate}"))
        }
        Work::Expense(expense) => (1, expense.category.id.clone()),
    }
}

fn group_line(currency: Currency, group: &[&PostingLine]) -> Result<InvoiceLine> {
    let amount = Money::sum(currency, group.iter().filter_map(|line| line.work.charge()))?;
    let sources = group
        .iter()
        .map(|line| source_of(line))
        .collect::<Result<Vec<_>>>()?;
    let first = group.first().map(|line| &line.work);
    let (description, quantity, unit_price, role) = match first {
        Some(Work::Time(entry)) => {
            let minutes: Minutes = group.iter().map(|line| line.work.minutes()).sum();
            let (unit_price, quantity) = priced(entry.rate, minutes, amount);
            let role = entry.role.clone();
            let name = role
                .as_ref()
                .map_or("Time", |r| r.label.as_deref().unwrap_or(&r.id))
                .to_owned();
            (name, quantity, unit_price, role)
        }
        Some(Work::Expense(expense)) => {
            let name = expense.category.label.as_deref().unwrap_or(&expense.category.id);
            (format!("Expenses: {name}"), Decimal::ONE, amount, None)
        }
        None => return Err(Failure::fault("empty_group", "an invoice line has no sources")),
    };
    Ok(InvoiceLine {
        description,
        quantity,
        unit_price,
        amount,
        role,
        tax_code: None,
        sources,
    })
}

fn priced(rate: Option<Rate>, minutes: Minutes, amount: Money) -> (Money, Decimal) {
    match rate {
        Some(Rate {
            money,
            per: RatePer::Hour,
        }) => (money, minutes.hours()),
        Some(Rate {
            money,
            per: RatePer::Day,
        }) => (
            money,
            (minutes.decimal() / WORKING_DAY.decimal())
                .round_dp(4)
                .normalize(),
        ),
        None => (amount, Decimal::ONE),
    }
}

fn source_of(line: &PostingLine) -> Result<LineSource> {
    let id = line.erp_id.as_deref().ok_or_else(|| {
        Failure::fault(
            "line_not_posted",
            format!("{} is to be charged but is not in the ERP", line.business_key()),
        )
    })?;
    Ok(LineSource {
        kind: line.work.kind(),
        record: RecordRef::id(id),
    })
}

/// A source line's own charge and those of its siblings add up to the invoice: asserted by the billing step before
/// anything is sent.
///
/// # Errors
/// Fault `invoice_does_not_add_up`.
pub fn check_adds_up(invoice: &Invoice, lines: &[PostingLine]) -> Result<()> {
    let charged: Vec<&str> = invoice
        .lines
        .iter()
        .flat_map(|l| &l.sources)
        .filter(|s| is_work(s.kind))
        .map(|s| s.record.id.as_str())
        .collect();
    let of_invoice = lines
        .iter()
        .filter(|l| l.erp_id.as_deref().is_some_and(|id| charged.contains(&id)));
    let sources = Money::sum(invoice.currency, of_invoice.filter_map(|l| l.work.charge()))?;
    let work = Money::sum(
        invoice.currency,
        invoice
            .lines
            .iter()
            .filter(|l| l.sources.iter().any(|s| is_work(s.kind)))
            .map(|l| l.amount),
    )?;
    if sources == work {
        return Ok(());
    }
    Err(Failure::fault(
        "invoice_does_not_add_up",
        format!("the sources of an invoice come to {sources}, its lines to {work}"),
    ))
}

fn is_work(kind: SourceKind) -> bool {
    matches!(kind, SourceKind::TimeEntry | SourceKind::Expense)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::{expense, line, time};
    use rust_decimal::dec;

    fn terms(cap: Option<Money>) -> Terms {
        Terms {
            account: RecordRef::id("12"),
            project: RecordRef::labelled("34", "HEL-0001"),
            legal_entity: RecordRef::id("3"),
            currency: Currency::EUR,
            cap,
            charged_before: Money::new(dec!(9000), Currency::EUR),
            purchase_order: None,
            purchase_order_required: false,
        }
    }

    fn posted(work: Work, erp_id: &str) -> PostingLine {
        PostingLine {
            erp_id: Some(erp_id.to_owned()),
            ..line(work)
        }
    }

    fn day() -> NaiveDate {
        "2026-11-30".parse().unwrap()
    }

    #[test]
    fn an_invoice_is_the_sum_of_the_charges_of_its_sources() {
        let mut short = time();
        short.minutes = Minutes::new(20);
        short.rate = short.rate.map(|r| Rate {
            money: Money::new(dec!(100.01), Currency::EUR),
            ..r
        });
        let thrice: Vec<_> = (1..=3)
            .map(|n| posted(Work::Time(short.clone()), &n.to_string()))
            .collect();
        let mut lines = thrice;
        lines.push(posted(Work::Time(time()), "4"));
        lines.push(posted(Work::Expense(expense()), "5"));
        let mut internal = time();
        internal.billable = false;
        lines.push(posted(Work::Time(internal), "6"));

        let invoice = time_and_materials(&terms(None), &lines, day()).unwrap();
        let told: Vec<_> = invoice
            .lines
            .iter()
            .map(|l| (l.quantity, l.amount.amount, l.sources.len()))
            .collect();
        // Three times 33.336667 are three times 33.34, not 100.01: what each source says is what is charged.
        assert_eq!(
            told,
            [
                (dec!(1), dec!(100.02), 3),
                (dec!(7.5), dec!(1125), 1),
                (dec!(1), dec!(83.46), 1)
            ]
        );
        assert_eq!(invoice.net.unwrap().amount, dec!(1308.48));
        assert_eq!(check_adds_up(&invoice, &lines), Ok(()));
    }

    #[test]
    fn a_cap_is_never_passed_and_may_be_reached() {
        let lines = [posted(Work::Time(time()), "1")];
        let cap = |amount| Some(Money::new(amount, Currency::EUR));
        assert!(time_and_materials(&terms(cap(dec!(10125))), &lines, day()).is_ok());
        let failure = time_and_materials(&terms(cap(dec!(10124.99))), &lines, day()).unwrap_err();
        assert_eq!(failure.code, "over_cap");
        assert!(failure.message.contains("0.01 EUR over"), "{}", failure.message);
    }

    #[test]
    fn what_is_not_in_the_erp_is_not_charged() {
        let failure = time_and_materials(&terms(None), &[line(Work::Time(time()))], day()).unwrap_err();
        assert_eq!(failure.code, "line_not_posted");
    }

    #[test]
    fn nothing_makes_no_invoice_and_a_missing_purchase_order_stops_one() {
        assert_eq!(
            time_and_materials(&terms(None), &[], day()).unwrap_err().code,
            "nothing_to_bill"
        );
        let strict = Terms {
            purchase_order_required: true,
            ..terms(None)
        };
        let failure = time_and_materials(&strict, &[posted(Work::Time(time()), "1")], day()).unwrap_err();
        assert_eq!(failure.code, "missing_purchase_order");
    }
}
