//! Payments received: lines of moves that pay customer invoices. Read only, because the bank brings them.

use async_trait::async_trait;
use canonical_model::{FindBy, Payment, Result, Write, Written};
use serde_json::{Value, json};
use system_ports::{Filter, Verb, not_supported};

use super::{By, Noun, Shared, Table, VENDOR, Writing, plain};
use crate::directory::Lookups;
use crate::mapping::invoice::{PAYMENT_FIELDS, to_payment};
use crate::wire::{Record, date};

plain!(
    /// Lines that pay invoices.
    Payments
);

#[async_trait]
impl Noun for Payments {
    type Record = Payment;
    type Extra = ();
    const MODEL: &'static str = "account.move.line";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: vec![
                json!(["invoice_payment.type", "=", "out"]),
                // A credit note that is set against an invoice is no money.
                json!(["move.journal.type", "!=", "revenue"]),
                json!(["credit", ">", 0]),
            ],
            fields: PAYMENT_FIELDS.to_vec(),
            filters: vec![Filter::Account, Filter::Date],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        Ok(match by {
            By::Account(id) => json!(["party", "=", id]),
            By::From(day) => json!(["date", ">=", date(day)]),
            By::To(day) => json!(["date", "<=", date(day)]),
            By::Project(_) | By::Person(_) | By::State(_) => json!([]),
        })
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Code]
    }

    fn condition(&self, _: FindBy, value: &str) -> Vec<Value> {
        vec![json!(["move.number", "=", value])]
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Option<Payment>> {
        to_payment(record, lookups).map(Some)
    }

    async fn write_one(&self, _: &Write<Payment>) -> Result<Written> {
        Err(not_supported(VENDOR, "payment", Verb::Write))
    }
}
