//! Applying payments and credits to open invoices.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

use super::sale::open_amounts;
use super::{Write, applied_amounts};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::references::in_order;
use crate::netsuite::value::{flag_of, lines_of, number_of, put_lines, put_number, put_text, text_of};
use crate::store::Fields;

/// Completes the apply lines of a payment or credit over `available`; the applied total.
pub(super) fn prepare(
    write: &Write<'_, '_>,
    old: Option<&Fields>,
    fields: &mut Fields,
    available: Decimal,
    customer: &str,
) -> Answer<Decimal> {
    let before = old.map(applied_amounts).unwrap_or_default();
    let mut lines: Vec<Fields> = lines_of(fields, "apply");
    lines.retain(|l| flag_of(l, "apply"));
    if lines.is_empty() && flag_of(fields, "autoApply") {
        lines = oldest_first(write, fields, customer);
    }
    let mut applied = Decimal::ZERO;
    let mut kept = Vec::new();
    for (at, mut line) in lines.into_iter().enumerate() {
        let doc = text_of(&line, "doc").unwrap_or_default().to_owned();
        let bad = |name: &str, value: &str| {
            Refusal::invalid_value(value, name, &format!("apply.items[{at}].{name}"))
        };
        let invoice = write
            .view()
            .fields("invoice", &doc)
            .ok_or_else(|| bad("doc", &doc))?;
        let same = |name: &str| invoice.get(name) == fields.get(name);
        if text_of(invoice, "entity") != Some(customer) || !same("currency") || !same("subsidiary") {
            return Err(bad("doc", &doc));
        }
        let open = number_of(invoice, "amountRemaining").unwrap_or_default()
            + before.get(&doc).copied().unwrap_or_default();
        let amount = number_of(&line, "amount").unwrap_or_else(|| open.min(available - applied));
        if amount < Decimal::ZERO || amount > open {
            return Err(bad("amount", &amount.to_string()));
        }
        applied += amount;
        if amount.is_zero() {
            continue;
        }
        put_number(&mut line, "amount", amount);
        put_number(&mut line, "due", open - amount);
        put_number(
            &mut line,
            "total",
            number_of(invoice, "total").unwrap_or_default(),
        );
        put_text(&mut line, "type", "Invoice");
        for (to, from) in [("refNum", "tranId"), ("applyDate", "tranDate")] {
            if let Some(value) = text_of(invoice, from) {
                put_text(&mut line, to, value);
            }
        }
        kept.push(line);
    }
    if applied > available {
        return Err(Refusal::user_error(
            "The amount applied cannot be greater than the amount of the transaction.",
        ));
    }
    put_lines(fields, "apply", kept);
    Ok(applied)
}

fn oldest_first(write: &Write<'_, '_>, fields: &Fields, customer: &str) -> Vec<Fields> {
    let mut open: Vec<_> = in_order(write.view().tables, "invoice");
    open.retain(|i| {
        i.text("entity") == Some(customer)
            && i.text("status") == Some("A")
            && ["currency", "subsidiary"]
                .into_iter()
                .all(|n| i.fields.get(n) == fields.get(n))
    });
    open.sort_by_key(|i| i.text("dueDate").unwrap_or_default().to_owned());
    let line = |id: &str| {
        let mut line = Fields::new();
        put_text(&mut line, "doc", id);
        line.insert("apply".to_owned(), Value::Bool(true));
        line
    };
    open.into_iter().map(|i| line(&i.id)).collect()
}

/// Moves what invoices owe from the old applications to the new ones.
pub(super) fn settle(
    write: &mut Write<'_, '_>,
    old: &BTreeMap<String, Decimal>,
    new: &BTreeMap<String, Decimal>,
) {
    let mut docs: Vec<&String> = old.keys().chain(new.keys()).collect();
    docs.sort();
    docs.dedup();
    for doc in docs {
        let amount = |from: &BTreeMap<String, Decimal>| from.get(doc).copied().unwrap_or_default();
        let change = amount(new) - amount(old);
        let invoice = write.tx.tables().get("invoice", doc);
        let known = invoice.map(|i| (number_of(&i.fields, "total"), number_of(&i.fields, "amountPaid")));
        let Some((Some(total), paid)) = known else {
            continue;
        };
        if !change.is_zero() {
            let fields = open_amounts(total, paid.unwrap_or_default() + change);
            write.touch("invoice", doc, fields);
        }
    }
}

/// Takes back all applications of a deleted payment or credit.
pub(super) fn release(write: &mut Write<'_, '_>, fields: &Fields) {
    settle(write, &applied_amounts(fields), &BTreeMap::new());
}
