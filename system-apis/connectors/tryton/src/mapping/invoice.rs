//! Invoices, credit notes, expenses and payments, as they are read.

use canonical_model::{
    ApprovalState, CreditNote, Expense, Invoice, InvoiceStatus, Money, Payment, PaymentApplication,
    RecordRef, Result,
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::directory::Lookups;
use crate::settings::Settings;
use crate::wire::Record;

use super::document::{TimeByLine, lines, status, tag_of};

/// A customer invoice.
pub(crate) fn to_invoice(
    record: &Record,
    lookups: &Lookups,
    time: &TimeByLine,
    settings: &Settings,
) -> Result<Invoice> {
    let currency = lookups.currency(record, "currency")?;
    let money = |amount: Decimal| Some(Money::new(amount, currency));
    let status = status(record)?;
    let total = record.amount("total_amount")?;
    // Tryton says that nothing is to be paid of what is not posted.
    let paid = match status {
        InvoiceStatus::Open | InvoiceStatus::Paid => total - record.amount("amount_to_pay")?,
        InvoiceStatus::Draft | InvoiceStatus::Cancelled => Decimal::ZERO,
    };
    let mut due: Vec<NaiveDate> = Vec::new();
    for line in record.many("lines_to_pay")? {
        due.extend(line.date("maturity_date")?);
    }
    Ok(Invoice {
        number: record.text("number"),
        account: record
            .reference("party", "party.rec_name")
            .ok_or_else(|| record.bad("party"))?,
        project: tag_of(record).get("project").map(RecordRef::id),
        legal_entity: record.reference("company", "company.party.name"),
        date: date(record)?,
        due_date: due.into_iter().max(),
        currency,
        purchase_order: record.text("reference"),
        memo: record.text("description"),
        lines: lines(record, currency, time, settings, Decimal::ONE)?,
        net: money(record.amount("untaxed_amount")?),
        tax: money(record.amount("tax_amount")?),
        total: money(total),
        amount_paid: money(paid),
        status,
    })
}

/// A draft of people may have no date yet: the day on which it was made stands for it.
fn date(record: &Record) -> Result<NaiveDate> {
    if let Some(day) = record.date("invoice_date")? {
        return Ok(day);
    }
    let made = record.instant("create_date")?;
    made.map(|at| at.date_naive())
        .ok_or_else(|| record.bad("invoice_date"))
}

/// A customer invoice that takes back. `corrected` is the invoice that its lines go back to.
pub(crate) fn to_credit_note(
    record: &Record,
    lookups: &Lookups,
    corrected: Option<i64>,
    settings: &Settings,
) -> Result<CreditNote> {
    let currency = lookups.currency(record, "currency")?;
    let tagged = tag_of(record).get("invoice").map(RecordRef::id);
    let invoice = tagged.or_else(|| corrected.map(|id| RecordRef::id(id.to_string())));
    Ok(CreditNote {
        number: record.text("number"),
        account: record
            .reference("party", "party.rec_name")
            .ok_or_else(|| record.bad("party"))?,
        invoice: invoice.ok_or_else(|| {
            record.unmapped(
                "lines",
                "its lines do not name the invoice that the credit note takes back",
            )
        })?,
        date: date(record)?,
        currency,
        lines: lines(
            record,
            currency,
            &TimeByLine::new(),
            settings,
            Decimal::NEGATIVE_ONE,
        )?,
        total: Some(Money::new(-record.amount("total_amount")?, currency)),
    })
}

/// A supplier invoice of ours as the expense that it books. `invoice` charges the client for it.
pub(crate) fn to_expense(record: &Record, lookups: &Lookups, invoice: Option<i64>) -> Result<Expense> {
    let currency = lookups.currency(record, "currency")?;
    let tag = tag_of(record);
    let line = record.many("lines")?.into_iter().next().unwrap_or_default();
    let person: i64 = match tag.get("person").and_then(|id| id.parse().ok()) {
        Some(person) => person,
        None => return Err(record.bad("lines")),
    };
    Ok(Expense {
        person: lookups.person(person),
        project: tag
            .get("project")
            .map(RecordRef::id)
            .ok_or_else(|| record.bad("lines"))?,
        task: tag.get("task").map(RecordRef::id),
        category: line
            .reference("product", "product.template.name")
            .ok_or_else(|| record.bad("lines"))?,
        date: date(record)?,
        amount: Money::new(record.amount("untaxed_amount")?, currency),
        fx_rate: None,
        billable: tag.get("billable") != Some("false"),
        reimbursable: tag.get("reimbursable") != Some("false"),
        legal_entity: record.reference("company", "company.party.name"),
        tax_code: None,
        note: record.text("description"),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: invoice.map(|id| RecordRef::id(id.to_string())),
        reverses: tag.get("reverses").map(RecordRef::id),
    })
}

/// What is read of a payment: the line of a move that pays an invoice.
pub(crate) const PAYMENT_FIELDS: [&str; 8] = [
    "party",
    "party.rec_name",
    "date",
    "credit",
    "amount_second_currency",
    "second_currency",
    "invoice_payment",
    "move.number",
];

/// A line of a move that pays an invoice.
pub(crate) fn to_payment(record: &Record, lookups: &Lookups) -> Result<Payment> {
    let amount = match record.decimal("amount_second_currency")? {
        Some(amount) => Money::new(amount.abs(), lookups.currency(record, "second_currency")?),
        None => Money::new(record.amount("credit")?, lookups.own_currency()?),
    };
    let invoice = record
        .integer("invoice_payment")
        .ok_or_else(|| record.bad("invoice_payment"))?;
    Ok(Payment {
        number: record.text("move.number"),
        account: record
            .reference("party", "party.rec_name")
            .ok_or_else(|| record.bad("party"))?,
        date: record.day("date")?,
        amount,
        applied: vec![PaymentApplication {
            invoice: RecordRef::id(invoice.to_string()),
            amount,
        }],
    })
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;
    use serde_json::{Value, json};

    use super::*;
    use crate::mapping::tests::{day, decimal, lookups, record, settings};

    fn document(state: &str, to_pay: &str, total: &str, note: &str) -> Record {
        record(json!({
            "id": 4, "number": "2026-00001", "reference": "PO-1", "description": "Time", "state": state, "type": "out",
            "party": 9, "party.": {"id": 9, "rec_name": "Helios"}, "company": 1, "company.": {"id": 1, "party.": {"id": 1, "name": "N"}},
            "invoice_date": day("2026-11-24"), "currency": 1, "untaxed_amount": decimal(total), "tax_amount": decimal("0"),
            "total_amount": decimal(total), "amount_to_pay": decimal(to_pay), "move": 3,
            "lines_to_pay.": [{"id": 1, "maturity_date": day("2026-12-24")}, {"id": 2, "maturity_date": day("2027-01-24")}],
            "lines.": [{"id": 30, "type": "line", "quantity": 1.0, "unit_price": decimal(total), "amount": decimal(total),
                        "product": 12, "product.": {"id": 12, "template.": {"id": 12, "name": "Travel"}}, "note": note}]
        }))
    }

    fn invoice(state: &str, to_pay: &str) -> Invoice {
        let record = document(state, to_pay, "100", "fairlead: key=k project=7");
        to_invoice(&record, &lookups(), &TimeByLine::new(), &settings()).unwrap()
    }

    #[test]
    fn what_was_paid_is_what_is_not_to_be_paid_any_more_of_a_posted_invoice() {
        let paid = |invoice: Invoice| (invoice.status, invoice.amount_paid.unwrap().amount);
        assert_eq!(paid(invoice("draft", "0")), (InvoiceStatus::Draft, dec!(0)));
        assert_eq!(paid(invoice("validated", "0")), (InvoiceStatus::Draft, dec!(0)));
        assert_eq!(paid(invoice("posted", "60")), (InvoiceStatus::Open, dec!(40)));
        assert_eq!(paid(invoice("paid", "0")), (InvoiceStatus::Paid, dec!(100)));
        assert_eq!(
            paid(invoice("cancelled", "0")),
            (InvoiceStatus::Cancelled, dec!(0))
        );
        let open = invoice("posted", "60");
        assert_eq!(open.due_date.unwrap().to_string(), "2027-01-24");
        assert_eq!(open.project, Some(RecordRef::id("7")));
        let odd = document("elsewhere", "0", "1", "");
        assert_eq!(
            to_invoice(&odd, &lookups(), &TimeByLine::new(), &settings())
                .unwrap_err()
                .code,
            "unmapped_value"
        );
    }

    #[test]
    fn a_credit_note_is_positive_and_names_its_invoice() {
        let record = document("posted", "0", "-100", "");
        let note = to_credit_note(&record, &lookups(), Some(3), &settings()).unwrap();
        assert_eq!(
            (note.total.unwrap().amount, note.lines[0].amount.amount),
            (dec!(100), dec!(100))
        );
        assert_eq!(note.invoice.id, "3");
        assert_eq!(
            to_credit_note(&record, &lookups(), None, &settings())
                .unwrap_err()
                .code,
            "unmapped_value"
        );
    }

    #[test]
    fn an_expense_is_read_from_its_tag_and_its_line() {
        let note = "fairlead: key=k person=1 project=7 billable=true reimbursable=false";
        let expense = to_expense(&document("posted", "0", "83.46", note), &lookups(), Some(9)).unwrap();
        assert_eq!(
            expense.person.label.as_deref(),
            Some("anna.keller@northwind-advisory.example")
        );
        assert_eq!(
            (expense.amount.amount, expense.reimbursable),
            (dec!(83.46), false)
        );
        assert_eq!(expense.category, RecordRef::labelled("12", "Travel"));
        assert_eq!(expense.invoice, Some(RecordRef::id("9")));
    }

    #[test]
    fn a_payment_is_in_the_currency_in_which_it_was_paid() {
        let line = |second: Value, currency: Value| {
            record(json!({
                "id": 5, "party": 9, "party.": {"id": 9, "rec_name": "Helios"}, "date": day("2026-11-24"), "credit": decimal("80"),
                "amount_second_currency": second, "second_currency": currency, "invoice_payment": 4, "move.": {"id": 2, "number": "2"}
            }))
        };
        let own = to_payment(&line(Value::Null, Value::Null), &lookups()).unwrap();
        assert_eq!(own.amount.to_string(), "80 EUR");
        let foreign = to_payment(&line(decimal("-100"), json!(2)), &lookups()).unwrap();
        assert_eq!(foreign.amount.to_string(), "100 USD");
        assert_eq!(foreign.applied[0].invoice.id, "4");
    }
}
