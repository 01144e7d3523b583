//! Payments received (`customerPayment`).

use canonical_model::{Money, Payment, PaymentApplication, Result};

use crate::directory::Lookups;
use crate::wire::Record;

use super::required;

/// A payment with the invoices that it pays.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups) -> Result<Payment> {
    let currency = lookups.currency(record, "currency")?;
    let mut applied = Vec::new();
    for line in record.lines("apply")? {
        if line.flag("apply") {
            applied.push(PaymentApplication {
                invoice: required(&line, "doc")?,
                amount: Money::new(line.amount("amount")?, currency),
            });
        }
    }
    Ok(Payment {
        number: record.text("tranId"),
        account: required(record, "customer")?,
        date: record.day("tranDate")?,
        amount: Money::new(record.amount("payment")?, currency),
        applied,
    })
}
