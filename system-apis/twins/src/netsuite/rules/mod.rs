//! What records mean: defaults, checks and consequences per record type.
//!
//! `before` completes and checks the new state of a record, `after` carries out what follows from it elsewhere
//! (ledger lines, billed marks, open amounts). Both run in the transaction of the request.

mod applying;
mod entity;
mod expense;
mod journal;
mod ledger;
mod money;
mod payment;
mod period;
mod project;
mod sale;
mod sources;
mod tax;
mod time;

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde_json::Value;

pub(super) use sale::open_order_lines;

use super::NetSuite;
use super::errors::{Answer, Refusal};
use super::references::View;
use super::schema::RecordType;
use super::value::{duration, lines_of, minutes, number_of, stored, text_of};
use crate::store::{Fields, Record, Transaction};

/// Table of the ledger.
pub(super) const LEDGER: &str = ledger::TABLE;

/// A write under way.
pub(super) struct Write<'a, 't> {
    pub(super) twin: &'a NetSuite,
    pub(super) tx: &'a mut Transaction<'t>,
}

impl Write<'_, '_> {
    /// The records as this write sees them.
    pub(super) fn view(&self) -> View<'_> {
        View {
            schema: &self.twin.schema,
            external: &self.twin.external,
            tables: self.tx.tables(),
        }
    }

    /// Sets fields of a record without asking its rules: for consequences of another record's change.
    fn touch<const N: usize>(&mut self, record: &str, id: &str, fields: [(&str, Value); N]) {
        let fields = fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        self.tx.update(record, id, fields);
    }

    fn today(&self) -> String {
        self.tx.now().date_naive().to_string()
    }
}

/// Completes and checks the new state of a record.
pub(super) fn before(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    old: Option<&Fields>,
    fields: &mut Fields,
) -> Answer<()> {
    match record.name.as_str() {
        "customer" => entity::customer(write, record, id, fields),
        "customerSubsidiaryRelationship" => entity::relationship(write, record, id, fields),
        "contact" => entity::contact(write, record, fields),
        "employee" => entity::employee(write, record, fields),
        "job" => project::job(write, record, id, fields),
        "projectTask" => project::task(write, record, fields),
        "resourceAllocation" => project::allocation(write, record, fields),
        "charge" => project::charge(write, record, old, fields),
        "timeBill" => time::time_bill(write, record, old, fields),
        "timeSheet" => time::time_sheet(write, record, id, fields),
        "expenseReport" => expense::report(write, record, old, fields),
        "salesOrder" | "invoice" | "creditMemo" => sale::prepare(write, record, id, old, fields),
        "customerPayment" => payment::prepare(write, record, old, fields),
        "journalEntry" => journal::prepare(write, record, old, fields),
        _ => require(record, fields),
    }
}

/// Carries out what follows from a stored record.
pub(super) fn after(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    old: Option<&Fields>,
    fields: &Fields,
) -> Answer<()> {
    match record.name.as_str() {
        "customer" => {
            entity::keep_primary_relationship(write, id, fields);
            Ok(())
        }
        "salesOrder" | "invoice" | "creditMemo" => sale::settle(write, record, id, old, fields),
        "customerPayment" => payment::settle(write, record, id, old, fields),
        "journalEntry" => journal::settle(write, record, id, fields),
        "expenseReport" => expense::settle(write, record, id, fields),
        _ => Ok(()),
    }
}

/// Refuses a deletion that the record's own state forbids.
pub(super) fn before_delete(write: &mut Write<'_, '_>, record: &RecordType, row: &Record) -> Answer<()> {
    match record.name.as_str() {
        "timeBill" => time::may_delete(write, row),
        "expenseReport" if sources::is_billed(&row.fields) => Err(Refusal::user_error(
            "This expense report has been billed and cannot be deleted.",
        )),
        "charge" if row.text("invoice").is_some() => Err(Refusal::user_error(
            "This charge has been billed and cannot be deleted.",
        )),
        "customerSubsidiaryRelationship" if row.get("isPrimarySub") == &Value::Bool(true) => Err(
            Refusal::user_error("The primary subsidiary of a customer cannot be removed."),
        ),
        "invoice" if number_of(&row.fields, "amountPaid").is_some_and(|paid| !paid.is_zero()) => {
            Err(Refusal::user_error(
                "This transaction cannot be deleted because payments or credits are applied to it.",
            ))
        }
        "invoice" | "creditMemo" | "customerPayment" | "journalEntry" | "expenseReport" => {
            period::must_be_open(write.view(), record, &row.fields)
        }
        _ => Ok(()),
    }
}

/// Undoes what a deleted record had caused elsewhere.
pub(super) fn after_delete(write: &mut Write<'_, '_>, record: &RecordType, row: &Record) -> Answer<()> {
    match record.name.as_str() {
        "customer" => entity::drop_relationships(write, &row.id),
        "invoice" => sale::release(write, &row.id, &row.fields),
        "creditMemo" | "customerPayment" => applying::release(write, &row.fields),
        _ => {}
    }
    if record.is_transaction() {
        ledger::remove(write, &row.id);
    }
    Ok(())
}

/// Values that NetSuite computes when a record is read.
pub(super) fn derived(view: View<'_>, record: &RecordType, row: &Record) -> Fields {
    let mut fields = Fields::new();
    let mut hours = |name: &str, field: &str, as_text: bool| {
        let worked = view
            .tables
            .rows("timeBill")
            .filter(|t| t.text(field) == Some(row.id.as_str()));
        let total: i64 = worked.filter_map(|t| minutes(t.text("hours")?)).sum();
        let value = if as_text {
            Value::String(duration(total))
        } else {
            stored(Decimal::from(total) / Decimal::from(60))
        };
        fields.insert(name.to_owned(), value);
    };
    match record.name.as_str() {
        "job" => hours("actualTime", "customer", false),
        "projectTask" => hours("actualWork", "caseTaskEvent", false),
        "timeSheet" => hours("totalHours", "timesheet", true),
        "customer" => {
            let mut owed = Decimal::ZERO;
            for invoice in view
                .tables
                .rows("invoice")
                .filter(|i| i.text("entity") == Some(row.id.as_str()))
            {
                owed += number_of(&invoice.fields, "amountRemaining").unwrap_or_default();
            }
            fields.insert("balance".to_owned(), stored(owed));
        }
        _ => {}
    }
    fields
}

/// Refuses a record whose mandatory fields are missing.
fn require(record: &RecordType, fields: &Fields) -> Answer<()> {
    let missing = record
        .required
        .iter()
        .filter(|name| fields.get(*name).is_none_or(Value::is_null));
    let labels: Vec<String> = missing
        .map(|name| {
            record
                .shape
                .fields
                .get(name)
                .map_or_else(|| name.clone(), |f| f.label.clone())
        })
        .collect();
    if labels.is_empty() {
        Ok(())
    } else {
        Err(Refusal::missing(&labels))
    }
}

/// The amount of each document that a list of lines applies to.
fn applied_amounts(fields: &Fields) -> BTreeMap<String, Decimal> {
    let lines = lines_of(fields, "apply");
    lines
        .iter()
        .filter_map(|line| Some((text_of(line, "doc")?.to_owned(), number_of(line, "amount")?)))
        .collect()
}
