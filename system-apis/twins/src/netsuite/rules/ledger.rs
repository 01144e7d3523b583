//! The ledger: transaction lines that balance, in the transaction's currency and in the subsidiary's.
//!
//! One table holds what SuiteQL shows as `transactionline` and `transactionaccountingline`. Amounts are signed: a debit
//! is positive. A transaction that does not balance is a fault of the twin and fails the request.

use rust_decimal::Decimal;
use serde_json::Value;

use super::Write;
use super::money::{base_currency, precision};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{number_of, put_number, put_text, round, text_of};
use crate::store::Fields;

/// Table of the store.
pub(super) const TABLE: &str = "transactionLine";

/// One line of a transaction.
#[derive(Default)]
pub(super) struct Line {
    /// `None` = the line does not post.
    pub(super) account: Option<String>,
    /// In the transaction's currency; debit positive.
    pub(super) foreign: Decimal,
    /// In the subsidiary's currency, where it is not simply the converted amount.
    pub(super) base: Option<Decimal>,
    pub(super) is_main: bool,
    pub(super) is_tax: bool,
    /// Fields of the source line to show: item, quantity, rate, memo, department, class, location, entity.
    pub(super) shown: Fields,
}

/// Converts between a transaction's currency and its subsidiary's.
pub(super) struct Books {
    pub(super) rate: Decimal,
    pub(super) places: u32,
    pub(super) base_places: u32,
}

impl Books {
    /// Those of a transaction.
    pub(super) fn of(write: &Write<'_, '_>, fields: &Fields, currency_field: &str, rate_field: &str) -> Self {
        let view = write.view();
        let base = base_currency(view, text_of(fields, "subsidiary").unwrap_or_default());
        Self {
            rate: number_of(fields, rate_field).unwrap_or(Decimal::ONE),
            places: precision(view, text_of(fields, currency_field).unwrap_or_default()),
            base_places: precision(view, &base),
        }
    }

    /// An amount in the subsidiary's currency.
    pub(super) fn base(&self, amount: Decimal) -> Decimal {
        round(amount * self.rate, self.base_places)
    }
}

/// Replaces the lines of a transaction.
pub(super) fn write_lines(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    fields: &Fields,
    books: &Books,
    lines: Vec<Line>,
) -> Answer<()> {
    let posted = || lines.iter().filter(|l| l.account.is_some());
    let foreign: Decimal = posted().map(|l| l.foreign).sum();
    let base: Decimal = posted()
        .map(|l| l.base.unwrap_or_else(|| books.base(l.foreign)))
        .sum();
    if !foreign.is_zero() || !base.is_zero() {
        tracing::error!(transaction = id, %foreign, %base, "the twin's ledger lines do not balance");
        return Err(Refusal::unexpected(500, "ledger-out-of-balance"));
    }
    let count = lines.len();
    for (at, line) in lines.into_iter().enumerate() {
        let row = row(record, id, at, fields, books, line);
        let key = format!("{id}_{at}");
        match write.tx.tables().get(TABLE, &key).map(|r| r.fields.clone()) {
            Some(old) if old == row => {}
            Some(old) => {
                write
                    .tx
                    .update(TABLE, &key, crate::netsuite::service::changes(&old, &row));
            }
            None => {
                write.tx.create(TABLE, key, row);
            }
        }
    }
    remove_from(write, id, count);
    Ok(())
}

/// Removes the lines of a deleted transaction.
pub(super) fn remove(write: &mut Write<'_, '_>, id: &str) {
    remove_from(write, id, 0);
}

fn remove_from(write: &mut Write<'_, '_>, id: &str, first: usize) {
    let mut at = first;
    while write.tx.delete(TABLE, &format!("{id}_{at}")) {
        at += 1;
    }
}

fn row(record: &RecordType, id: &str, at: usize, fields: &Fields, books: &Books, line: Line) -> Fields {
    let base = line.base.unwrap_or_else(|| books.base(line.foreign));
    let mut row = line.shown;
    put_text(&mut row, "transaction", id);
    row.insert("line".to_owned(), Value::from(at));
    put_text(&mut row, "recordType", record.name.as_str());
    row.insert("mainLine".to_owned(), Value::Bool(line.is_main));
    row.insert("taxLine".to_owned(), Value::Bool(line.is_tax));
    row.insert("posting".to_owned(), Value::Bool(line.account.is_some()));
    put_number(&mut row, "foreignAmount", line.foreign);
    put_number(&mut row, "netAmount", base);
    if let Some(account) = line.account {
        put_text(&mut row, "account", account);
        let side = if base.is_sign_negative() {
            "credit"
        } else {
            "debit"
        };
        put_number(&mut row, side, base.abs());
    }
    for name in ["subsidiary", "postingPeriod"] {
        if let Some(value) = fields.get(name) {
            row.insert(name.to_owned(), value.clone());
        }
    }
    row
}
