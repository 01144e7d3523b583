//! Invoices, credit notes and expenses are all `account.invoice`: what their lines have in common.
//!
//! A line's `note`, which no report prints, carries our tag: key, kind, the number of the canonical line, project and
//! sources.

use std::collections::BTreeMap;

use canonical_model::{
    Currency, Failure, InvoiceLine, InvoiceStatus, LineSource, Minutes, Money, RecordRef, Result, SourceKind,
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

use crate::directory::Lookups;
use crate::settings::{Items, Settings};
use crate::tag::Tag;
use crate::wire::{Record, decimal, id_of, number};

use super::Values;

/// What is read of a document.
pub(crate) const FIELDS: [&str; 29] = [
    "number",
    "reference",
    "description",
    "state",
    "type",
    "party",
    "party.rec_name",
    "company",
    "company.party.name",
    "invoice_date",
    "currency",
    "untaxed_amount",
    "tax_amount",
    "total_amount",
    "amount_to_pay",
    "lines_to_pay.maturity_date",
    "move",
    "lines.type",
    "lines.sequence",
    "lines.description",
    "lines.quantity",
    "lines.unit_price",
    "lines.amount",
    "lines.product",
    "lines.product.template.name",
    "lines.taxes",
    "lines.note",
    "lines.origin",
    "lines.unit",
];

/// Being made: no part of the books, and nothing that we have finished.
pub(crate) const DRAFT: &str = "draft";
/// Digits of a price after the decimal point, as Tryton is delivered (`price_decimal` of its product module).
const PRICE_DIGITS: u32 = 4;

/// What a document is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// To a client.
    Invoice,
    /// To a client, taking back.
    CreditNote,
    /// Of a person, or of the firm itself.
    Expense,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::CreditNote => "credit_note",
            Self::Expense => "expense",
        }
    }

    /// Supplier invoices are booked, not sent.
    pub(crate) fn side(self) -> &'static str {
        match self {
            Self::Invoice | Self::CreditNote => "out",
            Self::Expense => "in",
        }
    }
}

/// What Tryton fills in for a product: account, unit, taxes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defaults {
    pub(crate) account: Option<i64>,
    pub(crate) unit: Option<i64>,
    pub(crate) taxes: Vec<i64>,
}

impl Defaults {
    /// From the answer of a change of product.
    pub(crate) fn of(record: &Record) -> Self {
        let added = record.at("taxes").and_then(|taxes| taxes.get("add"));
        let id = |entry: &Value| entry.get(1)?.get("id")?.as_i64();
        Self {
            account: record.integer("account"),
            unit: record.integer("unit"),
            taxes: added
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(id)
                .collect(),
        }
    }
}

/// The tag of a document's line.
pub(crate) fn tag(kind: Kind, key: &str, at: usize) -> Tag {
    let mut tag = Tag::default();
    tag.set("key", Some(key));
    tag.set("kind", Some(kind.word()));
    tag.set("n", Some(at));
    tag
}

/// The tag of the first line that has one.
pub(crate) fn tag_of(record: &Record) -> Tag {
    let lines = record.many("lines").unwrap_or_default();
    let tags = lines.iter().map(|line| Tag::of(line.text("note").as_deref()));
    tags.into_iter()
        .find(|tag| tag.get("key").is_some())
        .unwrap_or_default()
}

/// Where a document stands.
pub(crate) fn status(record: &Record) -> Result<InvoiceStatus> {
    match record.text("state").as_deref() {
        Some(DRAFT | "validated") => Ok(InvoiceStatus::Draft),
        Some("posted") => Ok(InvoiceStatus::Open),
        Some("paid") => Ok(InvoiceStatus::Paid),
        Some("cancelled") => Ok(InvoiceStatus::Cancelled),
        _ => Err(record.unmapped("state", "draft, validated, posted, paid and cancelled are known")),
    }
}

/// The product of a line: its role, or that of what it charges for.
pub(crate) fn product_of(line: &InvoiceLine, items: &Items) -> Result<i64> {
    if let Some(role) = &line.role {
        return id_of(role, "role");
    }
    Ok(match line.sources.first().map(|source| source.kind) {
        Some(SourceKind::Milestone) => items.milestone,
        Some(SourceKind::Expense) => items.expenses,
        Some(SourceKind::TimeEntry) => items.time_and_materials,
        Some(SourceKind::BillingEvent) | None => items.fixed_fee,
    })
}

/// How a line is written: so many units at a price, and what is missing to its amount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Priced {
    pub(crate) quantity: Decimal,
    pub(crate) unit_price: Decimal,
    /// On a line of its own, of the rounding item.
    pub(crate) difference: Decimal,
}

/// Tryton computes a line's amount as quantity times price, half cents to the even one. Where that is not the line's
/// amount, a cent for each source goes on a line of the rounding item; more than that, or without such an item, the
/// price of one unit is changed. `minutes` is what the line's time entries come to.
///
/// # Errors
/// Business `amount_differs` where no price makes the amount.
pub(crate) fn priced(
    line: &InvoiceLine,
    minutes: Option<Minutes>,
    defaults: &Defaults,
    items: &Items,
    lookups: &Lookups,
) -> Result<Priced> {
    let (amount, currency) = (line.amount.amount, line.amount.currency);
    let digits = defaults.unit.map_or(0, |unit| lookups.digits_of(unit));
    let hours_in = defaults.unit.and_then(|unit| lookups.hours_in(unit));
    let wanted = match (minutes, hours_in) {
        (Some(minutes), Some(hours)) => minutes
            .decimal()
            .checked_div(hours * Decimal::from(60))
            .unwrap_or(line.quantity),
        _ => line.quantity,
    };
    let quantity = wanted.round_dp(digits).normalize();
    let quantity = if quantity.is_zero() {
        Decimal::ONE
    } else {
        quantity
    };
    let computed = |price: Decimal| tryton_rounds(quantity * price, currency);
    let price = line.unit_price.amount;
    let told = quantity == line.quantity.normalize() && price.normalize().scale() <= PRICE_DIGITS;
    let exact = |unit_price, difference| Priced {
        quantity,
        unit_price,
        difference,
    };
    if told {
        let difference = amount - computed(price);
        let sources = i64::try_from(line.sources.len().max(1)).unwrap_or(i64::MAX);
        let small = difference.abs() <= Money::from_minor(sources, currency).amount;
        if difference.is_zero() || (small && items.rounding.is_some()) {
            return Ok(exact(price, difference));
        }
    }
    let price = amount.checked_div(quantity).unwrap_or(amount);
    let price = price.round_dp_with_strategy(PRICE_DIGITS, RoundingStrategy::MidpointAwayFromZero);
    let difference = amount - computed(price);
    if difference.is_zero() || items.rounding.is_some() {
        return Ok(exact(price.normalize(), difference));
    }
    let message = format!(
        "line {:?} charges {}, which no price in Tryton makes of {quantity} units: set items.rounding",
        line.description, line.amount
    );
    Err(Failure::business("amount_differs", message))
}

fn tryton_rounds(amount: Decimal, currency: Currency) -> Decimal {
    amount.round_dp_with_strategy(currency.minor_units(), RoundingStrategy::MidpointNearestEven)
}

/// A line of a document.
pub(crate) struct Line<'a> {
    pub(crate) product: i64,
    pub(crate) quantity: Decimal,
    pub(crate) unit_price: Decimal,
    pub(crate) description: &'a str,
    pub(crate) tax: Option<i64>,
    pub(crate) tag: &'a Tag,
    /// The line that this one goes back to.
    pub(crate) origin: Option<i64>,
}

/// The values of a line.
pub(crate) fn line_values(line: &Line<'_>, defaults: &Defaults, company: i64, currency: i64) -> Value {
    let taxes = line.tax.map_or_else(|| defaults.taxes.clone(), |tax| vec![tax]);
    let mut values = Values::default();
    values
        .set("type", "line")
        .set("company", company)
        .set("currency", currency)
        .set("product", line.product)
        .set_opt("account", defaults.account)
        .set_opt("unit", defaults.unit)
        .set("quantity", number(line.quantity))
        .set("unit_price", decimal(line.unit_price))
        .set("description", line.description)
        .set("note", line.tag.line())
        .set("taxes", json!([["add", taxes]]))
        .set_opt(
            "origin",
            line.origin.map(|id| format!("account.invoice.line,{id}")),
        );
    values.build()
}

/// What a line charges for, other than time, as text of a tag: `milestone:psa%2Fmain%2F7`.
pub(crate) fn sources_text(sources: &[LineSource]) -> Option<String> {
    let part = |source: &LineSource| {
        let word = match source.kind {
            // Timesheet lines name their invoice themselves.
            SourceKind::TimeEntry => return None,
            SourceKind::Expense => "expense",
            SourceKind::Milestone => "milestone",
            SourceKind::BillingEvent => "billing_event",
        };
        let id = utf8_percent_encode(&source.record.id, NON_ALPHANUMERIC);
        Some(format!("{word}:{id}"))
    };
    let text = sources.iter().filter_map(part).collect::<Vec<_>>().join(",");
    (!text.is_empty()).then_some(text)
}

fn sources_of(tag: &Tag) -> Vec<LineSource> {
    let source = |part: &str| {
        let (word, id) = part.split_once(':')?;
        let kind = match word {
            "expense" => SourceKind::Expense,
            "milestone" => SourceKind::Milestone,
            "billing_event" => SourceKind::BillingEvent,
            _ => return None,
        };
        let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
        Some(LineSource {
            kind,
            record: RecordRef::id(id),
        })
    };
    let text = tag.get("sources").unwrap_or_default();
    text.split(',').filter_map(source).collect()
}

/// Time entries by the invoice line that charges for them.
pub(crate) type TimeByLine = BTreeMap<i64, Vec<i64>>;

/// The lines of a document; `sign` is minus one for a document that takes back.
pub(crate) fn lines(
    record: &Record,
    currency: Currency,
    time: &TimeByLine,
    settings: &Settings,
    sign: Decimal,
) -> Result<Vec<InvoiceLine>> {
    let mut rows = record.many("lines")?;
    rows.retain(|line| line.text("type").as_deref() == Some("line"));
    rows.sort_by_key(|line| (line.integer("sequence").unwrap_or(i64::MAX), line.integer("id")));
    rows.iter()
        .map(|line| to_line(line, currency, time, settings, sign))
        .collect()
}

fn to_line(
    line: &Record,
    currency: Currency,
    time: &TimeByLine,
    settings: &Settings,
    sign: Decimal,
) -> Result<InvoiceLine> {
    let product = line.reference("product", "product.template.name");
    let label = product.as_ref().and_then(|product| product.label.clone());
    let others = settings.items.all();
    let charged = |product: &RecordRef| product.id.parse().is_ok_and(|id: i64| others.contains(&id));
    let tag = Tag::of(line.text("note").as_deref());
    let entries = time.get(&line.id()?).into_iter().flatten();
    let mut sources: Vec<LineSource> = entries
        .map(|id| LineSource {
            kind: SourceKind::TimeEntry,
            record: RecordRef::id(id.to_string()),
        })
        .collect();
    sources.extend(sources_of(&tag));
    Ok(InvoiceLine {
        description: line.text("description").or(label).unwrap_or_default(),
        quantity: (line.amount("quantity")? * sign).normalize(),
        unit_price: Money::new(line.amount("unit_price")?, currency),
        amount: Money::new(line.amount("amount")? * sign, currency),
        role: product.filter(|product| !charged(product)),
        tax_code: line
            .at("taxes")
            .and_then(|taxes| taxes.get(0))
            .and_then(Value::as_i64)
            .map(|id| RecordRef::id(id.to_string())),
        sources,
    })
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;
    use crate::mapping::tests::{lookups, record, settings};

    fn eur(amount: Decimal) -> Money {
        Money::new(amount, Currency::EUR)
    }

    fn line(quantity: Decimal, price: Decimal, amount: Decimal, sources: usize) -> InvoiceLine {
        let source = |n: usize| LineSource {
            kind: SourceKind::TimeEntry,
            record: RecordRef::id(n.to_string()),
        };
        InvoiceLine {
            description: "Work".to_owned(),
            quantity,
            unit_price: eur(price),
            amount: eur(amount),
            role: None,
            tax_code: None,
            sources: (0..sources).map(source).collect(),
        }
    }

    fn by_hour(line: &InvoiceLine, minutes: i64, items: &Items) -> Result<Priced> {
        let hour = Defaults {
            unit: Some(9),
            ..Defaults::default()
        };
        priced(line, Some(Minutes::new(minutes)), &hour, items, &lookups())
    }

    fn is(quantity: Decimal, unit_price: Decimal, difference: Decimal) -> Priced {
        Priced {
            quantity,
            unit_price,
            difference,
        }
    }

    #[test]
    fn the_amount_of_a_line_is_made_whatever_the_rounding() {
        let with = settings().items;
        let without = Items {
            rounding: None,
            ..with.clone()
        };
        // 7.5 h at 150: nothing to round.
        let plain = line(dec!(7.5), dec!(150), dec!(1125), 1);
        assert_eq!(
            by_hour(&plain, 450, &with).unwrap(),
            is(dec!(7.5), dec!(150), dec!(0))
        );
        // Three entries of 20 minutes, each rounded by itself, come to a cent more than an hour.
        let cents = line(dec!(1), dec!(100.01), dec!(100.02), 3);
        assert_eq!(
            by_hour(&cents, 60, &with).unwrap(),
            is(dec!(1), dec!(100.01), dec!(0.01))
        );
        assert_eq!(
            by_hour(&cents, 60, &without).unwrap(),
            is(dec!(1), dec!(100.02), dec!(0))
        );
        // Half a cent goes to the even one in Tryton, away from zero in ours.
        let half = line(dec!(0.5), dec!(100.01), dec!(50.01), 1);
        assert_eq!(
            by_hour(&half, 30, &with).unwrap(),
            is(dec!(0.5), dec!(100.01), dec!(0.01))
        );
        // Twenty minutes are no hundredths of an hour: the price makes up for it.
        let third = line(dec!(0.3333), dec!(100.01), dec!(33.34), 1);
        assert_eq!(
            by_hour(&third, 20, &with).unwrap(),
            is(dec!(0.33), dec!(101.0303), dec!(0))
        );
        // Priced by the day, shown by the hour.
        let day = line(dec!(1), dec!(1000), dec!(1000), 1);
        assert_eq!(
            by_hour(&day, 480, &with).unwrap(),
            is(dec!(8), dec!(125), dec!(0))
        );
        // Nothing makes 1000.01 of 700 hours but a rest.
        let odd = line(dec!(7), dec!(1), dec!(1000.01), 1);
        assert_eq!(
            by_hour(&odd, 42_000, &without).unwrap_err().code,
            "amount_differs"
        );
        assert!(!by_hour(&odd, 42_000, &with).unwrap().difference.is_zero());
    }

    #[test]
    fn what_is_sold_by_the_piece_is_one_piece_where_its_number_is_none() {
        let unit = Defaults {
            unit: Some(1),
            ..Defaults::default()
        };
        let fee = line(dec!(0.4), dec!(500), dec!(200), 0);
        let seen = priced(&fee, None, &unit, &settings().items, &lookups()).unwrap();
        assert_eq!(seen, is(dec!(1), dec!(200), dec!(0)));
    }

    #[test]
    fn sources_come_back_with_their_line() {
        let source = |kind, id: &str| LineSource {
            kind,
            record: RecordRef::id(id),
        };
        let sources = [
            source(SourceKind::Milestone, "psa/main/5 01"),
            source(SourceKind::TimeEntry, "7"),
        ];
        let mut tag = tag(Kind::Invoice, "t2i-1", 1);
        tag.set("sources", sources_text(&sources));
        let row = record(json!({
            "id": 30, "type": "line", "quantity": 1.0, "unit_price": {"__class__": "Decimal", "decimal": "500"},
            "amount": {"__class__": "Decimal", "decimal": "500.00"}, "product": 8,
            "product.": {"id": 8, "template.": {"id": 8, "name": "Milestone Billing"}}, "taxes": [1], "note": tag.line()
        }));
        let time = TimeByLine::from([(30, vec![7])]);
        let read = to_line(&row, Currency::EUR, &time, &settings(), Decimal::ONE).unwrap();
        assert_eq!(read.sources, [sources[1].clone(), sources[0].clone()]);
        assert_eq!(
            (read.role, read.description.as_str()),
            (None, "Milestone Billing")
        );
    }
}
