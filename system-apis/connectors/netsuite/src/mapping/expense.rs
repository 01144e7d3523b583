//! Expenses: each line of an expense report, with the report's id and the line's number as its own id.
//!
//! What we write is a report of one line, so that our key is on the expense and each outcome stands for one.

use canonical_model::{ApprovalState, Expense, Money, RecordRef, Result};
use serde_json::{Value, json};

use crate::directory::Lookups;
use crate::settings::Settings;
use crate::wire::{Body, Record, number, refer};

use super::{approval_note, person, required};

/// The line of every report that we write.
pub(crate) const OUR_LINE: u32 = 1;

/// The expenses of a report that are on a project.
pub(crate) fn to_canonical(
    record: &Record,
    lookups: &Lookups,
    settings: &Settings,
) -> Result<Vec<(Option<u32>, Expense)>> {
    let mut expenses = Vec::new();
    for line in record.lines("expense")? {
        if line.text("customer").is_some() {
            let number = line
                .text("line")
                .and_then(|n| n.parse().ok())
                .ok_or_else(|| record.bad("expense"))?;
            expenses.push((Some(number), expense(record, &line, lookups, settings)?));
        }
    }
    Ok(expenses)
}

fn expense(report: &Record, line: &Record, lookups: &Lookups, settings: &Settings) -> Result<Expense> {
    Ok(Expense {
        person: person(report, "entity", lookups)?,
        project: required(line, "customer")?,
        task: line.reference("projecttask"),
        category: required(line, "category")?,
        date: line
            .date("expensedate")?
            .map_or_else(|| report.day("tranDate"), Ok)?,
        amount: spent(report, line, lookups)?,
        fx_rate: None,
        billable: line.flag("isBillable"),
        reimbursable: !line.flag("isnonreimbursable"),
        legal_entity: report.reference("subsidiary"),
        tax_code: line.reference("taxCode"),
        note: line.text("memo").or_else(|| report.text("memo")),
        approval: settings.expense.approval.state(report, "expense.approval")?,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: report
            .custom(settings.fields.expense_reverses.as_ref())
            .map(RecordRef::id),
    })
}

/// What was paid, in the currency that it was paid in.
fn spent(report: &Record, line: &Record, lookups: &Lookups) -> Result<Money> {
    let own = report.text("expensereportcurrency");
    let paid_in = line
        .text("currency")
        .or_else(|| own.clone())
        .ok_or_else(|| report.bad("expensereportcurrency"))?;
    let amount = match line.number("foreignamount")? {
        Some(amount) => amount,
        None if own.as_ref() == Some(&paid_in) => line.amount("amount")?,
        None => return Err(line.bad("foreignamount")),
    };
    Ok(Money::new(amount, lookups.currency_of(&paid_in)?))
}

/// A report of one expense.
pub(crate) fn to_netsuite(expense: &Expense, currency: &str, settings: &Settings) -> Value {
    let fields = &settings.fields;
    let approved = expense.approval == ApprovalState::Approved;
    let mut line = Body::default();
    line.set("line", OUR_LINE)
        .refer("category", Some(&expense.category))
        .set("foreignamount", number(expense.amount.amount))
        .set("currency", refer(currency))
        .refer("customer", Some(&expense.project))
        .refer("projecttask", expense.task.as_ref())
        .set("isBillable", expense.billable)
        .set("isnonreimbursable", !expense.reimbursable)
        .date("expensedate", Some(expense.date))
        .refer("taxCode", expense.tax_code.as_ref())
        .set_opt("memo", expense.note.clone());
    let mut body = Body::default();
    body.refer("entity", Some(&expense.person))
        .date("tranDate", Some(expense.date))
        .set_opt("memo", expense.note.clone())
        .set("usemulticurrency", true)
        .set("complete", expense.approval != ApprovalState::Draft)
        .set("supervisorapproval", approved)
        .set("accountingapproval", approved)
        .set(
            "approvalStatus",
            refer(settings.expense.approval.id(expense.approval)),
        )
        .set("expense", json!({ "items": [line.build()] }))
        .custom(
            fields.expense_reverses.as_ref(),
            expense.reverses.as_ref().map(|r| r.id.clone()),
        )
        .custom(
            fields.expense_approval.as_ref(),
            approval_note(expense.approved_by.as_ref(), expense.approved_at),
        );
    body.build()
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;
    use crate::mapping::tests::{lookups, record, settings};

    #[test]
    fn each_line_on_a_project_is_an_expense_in_the_currency_it_was_paid_in() {
        let report = record(json!({
            "id": "5001", "entity": {"id": "11"}, "tranDate": "2026-11-20", "approvalStatus": {"id": "2"},
            "expensereportcurrency": {"id": "4"}, "subsidiary": {"id": "3"},
            "expense": {"totalResults": 3, "items": [
                {"line": 1, "category": {"id": "1"}, "amount": 100.1, "currency": {"id": "1"}, "foreignamount": 112.11,
                 "customer": {"id": "1003"}, "isBillable": true},
                {"line": 2, "category": {"id": "1"}, "amount": 9},
                {"line": 4, "category": {"id": "3"}, "amount": 12.3, "customer": {"id": "1003"}, "isnonreimbursable": true}]}
        }));
        let expenses = to_canonical(&report, &lookups(), &settings()).unwrap();
        let told: Vec<_> = expenses
            .iter()
            .map(|(n, e)| (n.unwrap(), e.amount.to_string(), e.reimbursable))
            .collect();
        assert_eq!(
            told,
            [
                (1, "112.11 USD".to_owned(), true),
                (4, "12.3 EUR".to_owned(), false)
            ]
        );
        let body = to_netsuite(&expenses[0].1, "1", &settings());
        assert_eq!(body["expense"]["items"][0]["foreignamount"], json!(112.11));
        assert_eq!(number(dec!(112.11)), json!(112.11));
    }
}
