//! Credit notes (`creditMemo`).

use canonical_model::{CreditNote, Failure, Result};
use serde_json::{Value, json};

use crate::directory::Lookups;
use crate::settings::Settings;
use crate::wire::{Body, Record, refer};

use super::invoice::{item_body, item_line, sources_by_line, sources_text};
use super::{money, required};

/// A credit memo. The invoice that it corrects is the one it was made from, else the first that it is applied to.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups, settings: &Settings) -> Result<CreditNote> {
    let currency = lookups.currency(record, "currency")?;
    let sources = sources_by_line(record, settings);
    let mut lines = Vec::new();
    for line in record.lines("item")? {
        lines.push(item_line(&line, currency, &settings.items, &sources)?);
    }
    let applied = record
        .lines("apply")?
        .first()
        .and_then(|line| line.reference("doc"));
    let invoice = record.reference("createdFrom").or(applied);
    Ok(CreditNote {
        number: record.text("tranId"),
        account: required(record, "entity")?,
        invoice: invoice.ok_or_else(|| record.bad("createdFrom"))?,
        date: record.day("tranDate")?,
        currency,
        lines,
        total: money(record, "total", currency)?,
    })
}

/// A credit memo's body: applied to the invoice as far as that is still open. `invoice` gives project and subsidiary.
///
/// # Errors
/// Fault `currency_mismatch` for a line in another currency.
pub(crate) fn to_netsuite(
    note: &CreditNote,
    invoice: &Record,
    currency: &str,
    settings: &Settings,
) -> Result<Value> {
    if let Some(line) = note
        .lines
        .iter()
        .find(|line| line.amount.currency != note.currency)
    {
        let message = format!(
            "line {:?} is in {}, its credit note in {}",
            line.description, line.amount.currency, note.currency
        );
        return Err(Failure::fault("currency_mismatch", message));
    }
    let lines = note
        .lines
        .iter()
        .enumerate()
        .map(|(at, line)| item_body(line, at + 1, &settings.items));
    let of_line = |(at, line): (usize, &canonical_model::InvoiceLine)| {
        line.sources
            .iter()
            .map(|source| (at + 1, source.clone()))
            .collect::<Vec<_>>()
    };
    let sources: Vec<_> = note.lines.iter().enumerate().flat_map(of_line).collect();
    let mut body = Body::default();
    body.refer("entity", Some(&note.account))
        .refer("job", invoice.reference("job").as_ref())
        .refer("subsidiary", invoice.reference("subsidiary").as_ref())
        .set("currency", refer(currency))
        .date("tranDate", Some(note.date))
        .refer("createdFrom", Some(&note.invoice))
        .lines("item", lines.collect())
        .lines(
            "apply",
            vec![json!({ "doc": refer(&note.invoice.id), "apply": true })],
        )
        .custom(settings.fields.invoice_sources.as_ref(), sources_text(&sources));
    Ok(body.build())
}
