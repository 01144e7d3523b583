//! Invoices: item lines, and the time and expenses that NetSuite itself marks as billed.
//!
//! NetSuite computes the amount of a billed time entry from its hours and rate, rounded entry by entry. An invoice line
//! that is not the sum of those amounts is refused before anything is sent, except for a difference of a cent an entry,
//! which goes on a line of the rounding item where the account has one.

use std::collections::BTreeMap;

use canonical_model::{
    Currency, Failure, Invoice, InvoiceLine, InvoiceStatus, LineSource, Minutes, Money, RecordRef, Result,
    Rounding, SourceKind,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::cursor::split_id;
use crate::directory::Lookups;
use crate::settings::{InvoiceSettings, Items, Settings};
use crate::wire::{Body, Record, number, refer};

use super::{money, required};

/// A time entry as far as an invoice needs it.
#[derive(Debug, Clone)]
pub(crate) struct TimeFact {
    pub(crate) minutes: Minutes,
    /// By the hour.
    pub(crate) rate: Option<Decimal>,
    pub(crate) role: Option<RecordRef>,
    pub(crate) note: Option<String>,
}

/// What the sources of an invoice are worth, by id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    pub(crate) time: BTreeMap<String, TimeFact>,
    /// Amount as paid, and its worth in the account's base currency for sharing out.
    pub(crate) expenses: BTreeMap<String, (Money, Decimal)>,
}

/// An invoice; `facts` has the time entries that it bills.
pub(crate) fn to_canonical(
    record: &Record,
    lookups: &Lookups,
    facts: &Facts,
    settings: &Settings,
) -> Result<Invoice> {
    let currency = lookups.currency(record, "currency")?;
    let own = sources_by_line(record, settings);
    let mut lines = Vec::new();
    for line in record.lines("item")? {
        lines.push(item_line(&line, currency, &settings.items, &own)?);
    }
    for line in record.lines("time")? {
        lines.push(time_line(&line, currency, facts)?);
    }
    for line in record.lines("expCost")? {
        lines.push(expense_line(&line, currency)?);
    }
    Ok(Invoice {
        number: record.text("tranId"),
        account: required(record, "entity")?,
        project: record.reference("job"),
        legal_entity: record.reference("subsidiary"),
        date: record.day("tranDate")?,
        due_date: record.date("dueDate")?,
        currency,
        purchase_order: record.text("otherRefNum"),
        memo: record.text("memo"),
        lines,
        net: money(record, "subtotal", currency)?,
        tax: money(record, "taxTotal", currency)?,
        total: money(record, "total", currency)?,
        amount_paid: money(record, "amountPaid", currency)?,
        status: status(record, &settings.invoice)?,
    })
}

fn status(record: &Record, settings: &InvoiceSettings) -> Result<InvoiceStatus> {
    let approval = record.text("approvalStatus").unwrap_or_default();
    if settings.unapproved.contains(&approval) {
        return Ok(InvoiceStatus::Draft);
    }
    let id = record.text("status").unwrap_or_default();
    let known = [
        (&settings.open, InvoiceStatus::Open),
        (&settings.paid, InvoiceStatus::Paid),
        (&settings.cancelled, InvoiceStatus::Cancelled),
    ];
    let found = known
        .iter()
        .find(|(ids, _)| ids.contains(&id))
        .map(|(_, status)| *status);
    found.ok_or_else(|| record.unmapped("status", "invoice.open, .paid or .cancelled"))
}

/// A line of an item, also of a credit memo.
pub(super) fn item_line(
    line: &Record,
    currency: Currency,
    items: &Items,
    sources: &BTreeMap<u32, Vec<LineSource>>,
) -> Result<InvoiceLine> {
    let item = line.reference("item");
    let role = item
        .clone()
        .filter(|item| !items.all().contains(&item.id.as_str()));
    let label = item.and_then(|item| item.label).unwrap_or_default();
    let quantity = line.number("quantity")?.unwrap_or(Decimal::ONE);
    let amount = line.amount("amount")?;
    let rate = line
        .number("rate")?
        .or_else(|| amount.checked_div(quantity))
        .unwrap_or(amount);
    let number = line.text("line").and_then(|n| n.parse().ok()).unwrap_or_default();
    Ok(InvoiceLine {
        description: line.text("description").unwrap_or(label),
        quantity,
        unit_price: Money::new(rate, currency),
        amount: Money::new(amount, currency),
        role,
        tax_code: line.reference("taxCode"),
        sources: sources.get(&number).cloned().unwrap_or_default(),
    })
}

fn time_line(line: &Record, currency: Currency, facts: &Facts) -> Result<InvoiceLine> {
    let id = line.text("doc").ok_or_else(|| line.bad("doc"))?;
    let fact = facts.time.get(&id).ok_or_else(|| line.bad("doc"))?;
    let rate = line
        .number("rate")?
        .or(fact.rate)
        .ok_or_else(|| line.bad("rate"))?;
    let role = fact.role.clone();
    let name = role.as_ref().and_then(|role| role.label.clone());
    Ok(InvoiceLine {
        description: fact.note.clone().or(name).unwrap_or_else(|| format!("Time {id}")),
        quantity: fact.minutes.hours(),
        unit_price: Money::new(rate, currency),
        amount: priced(fact.minutes, rate, currency),
        role,
        tax_code: None,
        sources: vec![LineSource {
            kind: SourceKind::TimeEntry,
            record: RecordRef::id(id),
        }],
    })
}

fn expense_line(line: &Record, currency: Currency) -> Result<InvoiceLine> {
    let doc = line.text("doc").ok_or_else(|| line.bad("doc"))?;
    let number = line.text("line").ok_or_else(|| line.bad("line"))?;
    let amount = Money::new(line.amount("amount")?, currency);
    let category = line.reference("category").and_then(|category| category.label);
    Ok(InvoiceLine {
        description: category.unwrap_or_else(|| "Expense".to_owned()),
        quantity: Decimal::ONE,
        unit_price: amount,
        amount,
        role: None,
        tax_code: None,
        sources: vec![LineSource {
            kind: SourceKind::Expense,
            record: RecordRef::id(format!("{doc}-{number}")),
        }],
    })
}

/// An invoice's body.
///
/// # Errors
/// Business `invalid_reference` for a source that NetSuite does not have; Business `amount_differs`; Business
/// `mixed_sources`; Fault `currency_mismatch`.
pub(crate) fn to_netsuite(
    invoice: &Invoice,
    currency: &str,
    facts: &Facts,
    settings: &Settings,
) -> Result<Value> {
    let mut sale = Sale::default();
    for line in &invoice.lines {
        if line.amount.currency != invoice.currency {
            let message = format!(
                "line {:?} is in {}, its invoice in {}",
                line.description, line.amount.currency, invoice.currency
            );
            return Err(Failure::fault("currency_mismatch", message));
        }
        match kind_of(line)? {
            Some(SourceKind::TimeEntry) => sale.bill_time(line, facts)?,
            Some(SourceKind::Expense) => sale.bill_expenses(line, facts)?,
            _ => sale.sell(line, settings),
        }
    }
    sale.round(settings, invoice.currency)?;
    let mut body = Body::default();
    body.refer("entity", Some(&invoice.account))
        .refer("job", invoice.project.as_ref())
        .refer("subsidiary", invoice.legal_entity.as_ref())
        .set("currency", refer(currency))
        .date("tranDate", Some(invoice.date))
        .date("dueDate", invoice.due_date)
        .set_opt("otherRefNum", invoice.purchase_order.clone())
        .set_opt("memo", invoice.memo.clone())
        .custom(
            settings.fields.invoice_sources.as_ref(),
            sources_text(&sale.sources),
        );
    for (name, lines) in [
        ("item", sale.items),
        ("time", sale.time),
        ("expCost", sale.expenses),
    ] {
        if !lines.is_empty() {
            body.lines(name, lines);
        }
    }
    Ok(body.build())
}

/// What all sources of a line are; a line of several kinds would lose one of them.
fn kind_of(line: &InvoiceLine) -> Result<Option<SourceKind>> {
    let first = line.sources.first().map(|source| source.kind);
    if line.sources.iter().all(|source| Some(source.kind) == first) {
        return Ok(first);
    }
    let message = format!(
        "line {:?} charges for different kinds of work: make a line of each",
        line.description
    );
    Err(Failure::business("mixed_sources", message))
}

/// An invoice under way.
#[derive(Default)]
struct Sale {
    items: Vec<Value>,
    time: Vec<Value>,
    expenses: Vec<Value>,
    sources: Vec<(usize, LineSource)>,
    difference: Decimal,
}

impl Sale {
    /// Lets NetSuite bill the time entries of a line: at their own rates, or at the line's price where that is another.
    fn bill_time(&mut self, line: &InvoiceLine, facts: &Facts) -> Result<()> {
        let mut entries = Vec::with_capacity(line.sources.len());
        for source in &line.sources {
            let fact = facts
                .time
                .get(&source.record.id)
                .ok_or_else(|| unknown_source(line, source))?;
            entries.push((&source.record.id, fact));
        }
        let unit = line.unit_price.amount;
        let total = |rate: &dyn Fn(&TimeFact) -> Option<Decimal>| -> Option<Decimal> {
            let amounts = entries
                .iter()
                .map(|(_, fact)| Some(priced(fact.minutes, rate(fact)?, line.amount.currency).amount));
            amounts.sum()
        };
        let near = |total: &Decimal| (line.amount.amount - total).abs() <= tolerance(line);
        let own = total(&|fact| fact.rate).filter(near).map(|total| (total, None));
        let priced = own.or_else(|| {
            total(&|_| Some(unit))
                .filter(near)
                .map(|total| (total, Some(unit)))
        });
        let (total, rate) = priced.ok_or_else(|| differs(line))?;
        self.difference += line.amount.amount - total;
        for (id, _) in entries {
            let mut item = Body::default();
            item.set("apply", true)
                .set("doc", doc(id))
                .set_opt("rate", rate.map(number));
            self.time.push(item.build());
        }
        Ok(())
    }

    /// Lets NetSuite bill the expenses of a line. Where there are several, each is charged what was paid; where that is
    /// not what the line says (another currency), the line's amount is shared out by their worth.
    fn bill_expenses(&mut self, line: &InvoiceLine, facts: &Facts) -> Result<()> {
        let shares = match line.sources.as_slice() {
            [_] => vec![line.amount.amount],
            _ => shares(line, facts)?,
        };
        for (source, share) in line.sources.iter().zip(shares) {
            let (report, number_of_line) = split_id(&source.record.id);
            let item = json!({
                "apply": true, "doc": doc(report), "line": number_of_line.map_or(Value::Null, doc),
                "amount": number(share),
            });
            self.expenses.push(item);
        }
        Ok(())
    }

    /// A line of its own.
    fn sell(&mut self, line: &InvoiceLine, settings: &Settings) {
        let at = self.items.len() + 1;
        self.sources
            .extend(line.sources.iter().map(|source| (at, source.clone())));
        self.items.push(item_body(line, at, &settings.items));
    }

    /// The cents by which NetSuite's rounding differs from ours.
    fn round(&mut self, settings: &Settings, currency: Currency) -> Result<()> {
        if self.difference.is_zero() {
            return Ok(());
        }
        let Some(item) = &settings.items.rounding else {
            let message = format!(
                "the lines differ by {} from the time that they charge for: price each entry, or set items.rounding",
                Money::new(self.difference, currency)
            );
            return Err(Failure::business("amount_differs", message));
        };
        self.items.push(json!({
            "line": self.items.len() + 1, "item": refer(item), "quantity": 1, "rate": number(self.difference),
            "amount": number(self.difference), "description": "Rounding",
        }));
        Ok(())
    }
}

/// A line of an item, also of a credit memo.
pub(super) fn item_body(line: &InvoiceLine, at: usize, items: &Items) -> Value {
    let kind = line.sources.first().map(|source| source.kind);
    let item = match (&line.role, kind) {
        (Some(role), _) => role.id.as_str(),
        (None, Some(SourceKind::Milestone)) => &items.milestone,
        (None, Some(SourceKind::Expense)) => &items.expenses,
        (None, Some(SourceKind::TimeEntry)) => &items.time_and_materials,
        (None, _) => &items.fixed_fee,
    };
    let mut body = Body::default();
    body.set("line", at)
        .set("item", refer(item))
        .set("quantity", number(line.quantity))
        .set("rate", number(line.unit_price.amount))
        .set("amount", number(line.amount.amount))
        .set("description", line.description.as_str())
        .refer("taxCode", line.tax_code.as_ref());
    body.build()
}

fn shares(line: &InvoiceLine, facts: &Facts) -> Result<Vec<Decimal>> {
    let mut known = Vec::with_capacity(line.sources.len());
    for source in &line.sources {
        known.push(
            *facts
                .expenses
                .get(&source.record.id)
                .ok_or_else(|| unknown_source(line, source))?,
        );
    }
    let paid: Decimal = known.iter().map(|(paid, _)| paid.amount).sum();
    let one_currency = known
        .iter()
        .all(|(paid, _)| paid.currency == line.amount.currency);
    if one_currency && paid == line.amount.amount {
        return Ok(known.into_iter().map(|(paid, _)| paid.amount).collect());
    }
    let worth: Decimal = known.iter().map(|(_, worth)| *worth).sum();
    let mut left = line.amount.amount;
    let last = known.len().saturating_sub(1);
    let mut shares = Vec::with_capacity(known.len());
    for (at, (_, part)) in known.into_iter().enumerate() {
        let exact = (line.amount.amount * part)
            .checked_div(worth)
            .ok_or_else(|| differs(line))?;
        let rounded = Money::new(exact, line.amount.currency)
            .rounded(Rounding::HalfUp)
            .amount;
        let share = if at == last { left } else { rounded };
        left -= share;
        shares.push(share);
    }
    Ok(shares)
}

/// As NetSuite rounds: each entry by itself.
fn priced(minutes: Minutes, hourly: Decimal, currency: Currency) -> Money {
    Money::new(minutes.decimal() * hourly / Decimal::from(60), currency).rounded(Rounding::HalfUp)
}

/// A minor unit for each entry.
fn tolerance(line: &InvoiceLine) -> Decimal {
    let entries = i64::try_from(line.sources.len()).unwrap_or(i64::MAX);
    Money::from_minor(entries, line.amount.currency).amount
}

fn differs(line: &InvoiceLine) -> Failure {
    let message = format!(
        "line {:?} charges {}, which is not what its time entries or expenses come to in NetSuite",
        line.description, line.amount
    );
    Failure::business("amount_differs", message)
}

fn unknown_source(line: &InvoiceLine, source: &LineSource) -> Failure {
    let message = format!(
        "line {:?} charges for {}, which NetSuite does not have",
        line.description, source.record.id
    );
    Failure::business("invalid_reference", message)
}

/// Ids in these sublists are numbers.
fn doc(id: &str) -> Value {
    id.parse::<i64>().map_or_else(|_| Value::from(id), Value::from)
}

/// Milestones and agreed charges by line, as text: `1:milestone:M-7`.
pub(super) fn sources_text(sources: &[(usize, LineSource)]) -> Option<String> {
    let word = |kind: SourceKind| match kind {
        SourceKind::TimeEntry => "time_entry",
        SourceKind::Expense => "expense",
        SourceKind::Milestone => "milestone",
        SourceKind::BillingEvent => "billing_event",
    };
    let part = |(line, source): &(usize, LineSource)| {
        format!(
            "{line}:{}:{}",
            word(source.kind),
            utf8_percent_encode(&source.record.id, NON_ALPHANUMERIC)
        )
    };
    let text = sources.iter().map(part).collect::<Vec<_>>().join(" ");
    Some(text).filter(|text| !text.is_empty())
}

/// The way back. Text that somebody else wrote there names no source.
pub(super) fn sources_by_line(record: &Record, settings: &Settings) -> BTreeMap<u32, Vec<LineSource>> {
    let text = record
        .custom(settings.fields.invoice_sources.as_ref())
        .unwrap_or_default();
    let mut sources: BTreeMap<u32, Vec<LineSource>> = BTreeMap::new();
    for part in text.split_whitespace() {
        let mut words = part.splitn(3, ':');
        let (Some(line), Some(word), Some(id)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let kind = match word {
            "time_entry" => SourceKind::TimeEntry,
            "expense" => SourceKind::Expense,
            "milestone" => SourceKind::Milestone,
            "billing_event" => SourceKind::BillingEvent,
            _ => continue,
        };
        if let Ok(line) = line.parse() {
            let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
            sources.entry(line).or_default().push(LineSource {
                kind,
                record: RecordRef::id(id),
            });
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;
    use crate::mapping::tests::{lookups, record, settings};

    fn eur(amount: Decimal) -> Money {
        Money::new(amount, Currency::EUR)
    }

    fn line(kind: SourceKind, ids: &[&str], unit: Decimal, amount: Decimal) -> InvoiceLine {
        let source = |id: &&str| LineSource {
            kind,
            record: RecordRef::id(*id),
        };
        InvoiceLine {
            description: "Work".to_owned(),
            quantity: Decimal::ONE,
            unit_price: eur(unit),
            amount: eur(amount),
            role: None,
            tax_code: None,
            sources: ids.iter().map(source).collect(),
        }
    }

    fn invoice(lines: Vec<InvoiceLine>) -> Invoice {
        let head = json!({
            "id": "1", "entity": {"id": "1001"}, "currency": {"id": "4"}, "tranDate": "2026-11-30", "status": {"id": "A"}
        });
        let head = to_canonical(&record(head), &lookups(), &Facts::default(), &settings()).unwrap();
        Invoice { lines, ..head }
    }

    fn facts() -> Facts {
        let time = |minutes| TimeFact {
            minutes: Minutes::new(minutes),
            rate: Some(dec!(100)),
            role: None,
            note: None,
        };
        Facts {
            time: [
                ("1".to_owned(), time(20)),
                ("2".to_owned(), time(20)),
                ("3".to_owned(), time(450)),
            ]
            .into(),
            expenses: [
                ("8-1".to_owned(), (eur(dec!(40)), dec!(44))),
                ("9-1".to_owned(), (Money::new(dec!(60), Currency::USD), dec!(60))),
            ]
            .into(),
        }
    }

    fn body(line: InvoiceLine) -> Result<Value> {
        to_netsuite(&invoice(vec![line]), "4", &facts(), &settings())
    }

    #[test]
    fn time_is_billed_at_its_own_rate_or_at_the_price_of_the_line() {
        let own = body(line(SourceKind::TimeEntry, &["1", "3"], dec!(100), dec!(783.33))).unwrap();
        assert_eq!(
            own["time"]["items"],
            json!([{"apply": true, "doc": 1}, {"apply": true, "doc": 3}])
        );
        let raised = body(line(SourceKind::TimeEntry, &["3"], dec!(120), dec!(900))).unwrap();
        assert_eq!(raised["time"]["items"][0]["rate"], json!(120));
        let wrong = body(line(SourceKind::TimeEntry, &["3"], dec!(120), dec!(899))).unwrap_err();
        assert_eq!(wrong.code, "amount_differs");
        let missing = body(line(SourceKind::TimeEntry, &["77"], dec!(1), dec!(1))).unwrap_err();
        assert_eq!(missing.code, "invalid_reference");
    }

    #[test]
    fn a_cent_of_rounding_has_a_line_of_its_own_or_is_refused() {
        let cents = || line(SourceKind::TimeEntry, &["1", "2"], dec!(100), dec!(66.67));
        let with = body(cents()).unwrap();
        assert_eq!(with["item"]["items"][0]["amount"], json!(0.01));
        let mut settings = settings();
        settings.items.rounding = None;
        let refused = to_netsuite(&invoice(vec![cents()]), "4", &facts(), &settings).unwrap_err();
        assert_eq!(refused.code, "amount_differs");
    }

    #[test]
    fn several_expenses_share_the_amount_of_their_line_to_the_cent() {
        let shared = body(line(
            SourceKind::Expense,
            &["8-1", "9-1"],
            dec!(93.57),
            dec!(93.57),
        ))
        .unwrap();
        let items = shared["expCost"]["items"].as_array().unwrap();
        assert_eq!(
            (&items[0]["doc"], &items[0]["line"], &items[0]["amount"]),
            (&json!(8), &json!(1), &json!(39.59))
        );
        assert_eq!(items[1]["amount"], json!(53.98));
    }

    #[test]
    fn milestones_come_back_with_their_lines() {
        let body = body(line(SourceKind::Milestone, &["M 7"], dec!(500), dec!(500))).unwrap();
        let settings = settings();
        assert_eq!(
            body["item"]["items"][0]["item"]["id"],
            settings.items.milestone.as_str()
        );
        let found = sources_by_line(&record(body), &settings);
        assert_eq!(found.get(&1).unwrap()[0].record.id, "M 7");
    }
}
