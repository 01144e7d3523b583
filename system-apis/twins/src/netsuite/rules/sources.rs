//! What an invoice bills besides its item lines: approved time, billable expenses, charges.
//!
//! A source is billed once. The mark on it is set when the invoice is stored and taken back when the invoice lets go.

use rust_decimal::Decimal;
use serde_json::{Map, Value};

use super::Write;
use super::time::BILLED_BY;
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::references::in_order;
use crate::netsuite::value::{
    date_of, flag_of, lines_of, minutes, number_of, put_lines, put_number, put_text, round, text_of,
};
use crate::store::{Fields, Record};

/// Marks on an expense report: line number to invoice.
const BILLED_LINES: &str = "_billedLines";
/// On an item line: the charge it came from.
pub(super) const CHARGE: &str = "_charge";
/// On a time line: the item of the time entry.
pub(super) const TIME_ITEM: &str = "_item";

fn doc(line: &Fields) -> String {
    line.get("doc")
        .and_then(Value::as_i64)
        .map(|n| n.to_string())
        .unwrap_or_default()
}

fn number_on(line: &Fields, name: &str) -> String {
    line.get(name)
        .and_then(Value::as_i64)
        .map(|n| n.to_string())
        .unwrap_or_default()
}

fn applied(fields: &Fields, sublist: &str) -> Vec<Fields> {
    lines_of(fields, sublist)
        .into_iter()
        .filter(|line| flag_of(line, "apply"))
        .collect()
}

/// Whether a project or customer reference is billed by this invoice.
fn is_billed_to(write: &Write<'_, '_>, invoice: &Fields, project: Option<&str>) -> bool {
    let customer = text_of(invoice, "entity");
    match (project, text_of(invoice, "job")) {
        (None, _) => false,
        (Some(project), Some(job)) => project == job,
        (Some(project), None) => {
            let parent = write
                .view()
                .fields("job", project)
                .and_then(|j| text_of(j, "parent"));
            Some(project) == customer || (parent.is_some() && parent == customer)
        }
    }
}

/// Completes the time lines; their total.
pub(super) fn time(write: &Write<'_, '_>, id: &str, fields: &mut Fields, places: u32) -> Answer<Decimal> {
    let mut total = Decimal::ZERO;
    let mut lines = applied(fields, "time");
    for (at, line) in lines.iter_mut().enumerate() {
        let key = doc(line);
        let bad = || Refusal::invalid_value(&key, "doc", &format!("time.items[{at}].doc"));
        let entry = write.view().get("timeBill", &key).ok_or_else(bad)?;
        if !is_billed_to(write, fields, entry.text("customer")) || !flag_of(&entry.fields, "isBillable") {
            return Err(bad());
        }
        if entry.text(BILLED_BY).is_some_and(|other| other != id) {
            return Err(Refusal::user_error(format!(
                "Time entry {key} has already been billed."
            )));
        }
        if write.twin.settings.bill_approved_time_only && entry.text("approvalStatus") != Some("3") {
            return Err(Refusal::user_error(format!(
                "Time entry {key} is not approved and cannot be billed."
            )));
        }
        let rate = number_of(line, "rate")
            .or_else(|| number_of(&entry.fields, "rate"))
            .ok_or_else(bad)?;
        let hours = entry.text("hours").unwrap_or_default().to_owned();
        let worked = Decimal::from(minutes(&hours).unwrap_or_default());
        let amount = round(worked * rate / Decimal::from(60), places);
        put_number(line, "rate", rate);
        put_number(line, "amount", amount);
        put_text(line, "hours", hours);
        if let Some(item) = entry.text("item") {
            put_text(line, TIME_ITEM, item);
        }
        total += amount;
    }
    put_lines(fields, "time", lines);
    Ok(total)
}

/// Completes the expense lines; their total.
pub(super) fn expenses(write: &Write<'_, '_>, id: &str, fields: &mut Fields, places: u32) -> Answer<Decimal> {
    let mut total = Decimal::ZERO;
    let mut lines = applied(fields, "expCost");
    for (at, line) in lines.iter_mut().enumerate() {
        let (key, number) = (doc(line), number_on(line, "line"));
        let bad = || Refusal::invalid_value(&key, "doc", &format!("expCost.items[{at}].doc"));
        let report = write.view().get("expenseReport", &key).ok_or_else(bad)?;
        let source = lines_of(&report.fields, "expense")
            .into_iter()
            .find(|l| number_on(l, "line") == number)
            .ok_or_else(bad)?;
        if !flag_of(&source, "isBillable") || !is_billed_to(write, fields, text_of(&source, "customer")) {
            return Err(bad());
        }
        if billed_lines(report)
            .get(&number)
            .and_then(Value::as_str)
            .is_some_and(|other| other != id)
        {
            return Err(Refusal::user_error(format!(
                "Expense {key}, line {number}, has already been billed."
            )));
        }
        if report.text("approvalStatus") != Some("2") {
            return Err(Refusal::user_error(format!(
                "Expense report {key} is not approved and cannot be billed."
            )));
        }
        let cost = number_of(&source, "amount").unwrap_or_default();
        let amount = match number_of(line, "amount") {
            Some(amount) => amount,
            None => cost * rate_between(write, report, fields),
        };
        let amount = round(amount, places);
        put_number(line, "amount", amount);
        for (name, value) in [
            ("category", text_of(&source, "category")),
            ("employee", report.text("entity")),
        ] {
            if let Some(value) = value {
                put_text(line, name, value);
            }
        }
        total += amount;
    }
    put_lines(fields, "expCost", lines);
    Ok(total)
}

fn rate_between(write: &Write<'_, '_>, report: &Record, invoice: &Fields) -> Decimal {
    let (Some(from), Some(to), Some(day)) = (
        report.text("expensereportcurrency"),
        text_of(invoice, "currency"),
        date_of(invoice, "tranDate"),
    ) else {
        return Decimal::ONE;
    };
    super::money::exchange_rate(write.view(), from, to, day)
}

fn billed_lines(report: &Record) -> Map<String, Value> {
    report.get(BILLED_LINES).as_object().cloned().unwrap_or_default()
}

/// Item lines for the charges that `whichChargesToAdd` asks for.
pub(super) fn charges(write: &Write<'_, '_>, fields: &Fields) -> Vec<Fields> {
    let until = match text_of(fields, "whichChargesToAdd") {
        Some("ALL") => None,
        Some("AS_OF_DATE") => date_of(fields, "asOfDate"),
        Some("TRANSACTION_DATE") => date_of(fields, "tranDate"),
        _ => return Vec::new(),
    };
    let due = |c: &&Record| {
        c.text("stage") == Some("READY_FOR_BILLING")
            && c.text("use") == Some("Actual")
            && c.text("invoice").is_none()
            && is_billed_to(write, fields, c.text("billTo"))
            && c.text("currency") == text_of(fields, "currency")
            && until.is_none_or(|day| date_of(&c.fields, "chargeDate").is_some_and(|d| d <= day))
    };
    let ready = in_order(write.view().tables, "charge").into_iter().filter(due);
    ready
        .map(|charge| {
            let mut line = Fields::new();
            for (to, from) in [
                ("item", "billingItem"),
                ("quantity", "quantity"),
                ("rate", "rate"),
                ("amount", "amount"),
                ("description", "description"),
            ] {
                if let Some(value) = charge.fields.get(from).filter(|v| !v.is_null()) {
                    line.insert(to.to_owned(), value.clone());
                }
            }
            put_text(&mut line, CHARGE, charge.id.as_str());
            line
        })
        .collect()
}

/// Moves the billed marks from what an invoice billed before to what it bills now.
pub(super) fn mark(write: &mut Write<'_, '_>, id: &str, old: &Fields, new: &Fields) {
    let docs = |fields: &Fields| applied(fields, "time").iter().map(doc).collect::<Vec<_>>();
    let (before, now) = (docs(old), docs(new));
    for entry in before.iter().filter(|d| !now.contains(d)) {
        write.touch("timeBill", entry, [(BILLED_BY, Value::Null)]);
    }
    for entry in now.iter().filter(|d| !before.contains(d)) {
        write.touch("timeBill", entry, [(BILLED_BY, Value::String(id.to_owned()))]);
    }
    let keys = |fields: &Fields| {
        applied(fields, "expCost")
            .iter()
            .map(|l| (doc(l), number_on(l, "line")))
            .collect::<Vec<_>>()
    };
    let (before, now) = (keys(old), keys(new));
    for (report, line) in before.iter().filter(|k| !now.contains(k)) {
        mark_expense(write, report, line, None);
    }
    for (report, line) in now.iter().filter(|k| !before.contains(k)) {
        mark_expense(write, report, line, Some(id));
    }
    let of_items = |fields: &Fields| {
        lines_of(fields, "item")
            .iter()
            .filter_map(|l| text_of(l, CHARGE).map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let (before, now) = (of_items(old), of_items(new));
    for charge in before.iter().filter(|c| !now.contains(c)) {
        write.touch(
            "charge",
            charge,
            [("invoice", Value::Null), ("transaction", Value::Null)],
        );
    }
    for charge in now.iter().filter(|c| !before.contains(c)) {
        let invoice = Value::String(id.to_owned());
        write.touch(
            "charge",
            charge,
            [("invoice", invoice.clone()), ("transaction", invoice)],
        );
    }
}

fn mark_expense(write: &mut Write<'_, '_>, report: &str, line: &str, invoice: Option<&str>) {
    let Some(mut marks) = write.tx.tables().get("expenseReport", report).map(billed_lines) else {
        return;
    };
    match invoice {
        Some(invoice) => marks.insert(line.to_owned(), Value::String(invoice.to_owned())),
        None => marks.remove(line),
    };
    write.touch("expenseReport", report, [(BILLED_LINES, Value::Object(marks))]);
}

/// Whether any line of an expense report is billed.
pub(super) fn is_billed(report: &Fields) -> bool {
    report
        .get(BILLED_LINES)
        .and_then(Value::as_object)
        .is_some_and(|m| !m.is_empty())
}
