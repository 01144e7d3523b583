//! Expense reports of employees; an approved one posts.

use rust_decimal::Decimal;
use serde_json::Value;

use super::ledger::{self, Books, Line};
use super::money::{account_of_type, base_currency, exchange_rate, precision};
use super::project::check_task;
use super::sale::number_document;
use super::{Write, period, require, sources};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{
    date_of, default_text, flag_of, lines_of, number_of, put_lines, put_number, put_text, round, text_of,
};
use crate::store::Fields;

/// Completes and checks an expense report.
pub(super) fn report(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    old: Option<&Fields>,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    if old.is_some_and(|o| sources::is_billed(o) && o.get("expense") != fields.get("expense")) {
        return Err(Refusal::user_error(
            "This expense report has been billed and cannot be changed.",
        ));
    }
    default_text(fields, "tranDate", write.today());
    head(write, fields)?;
    period::assign(write.view(), record, old, fields)?;
    let total = lines(write, fields)?;
    for name in ["amount", "total"] {
        put_number(fields, name, total);
    }
    approve(fields);
    number_document(write, record, fields);
    Ok(())
}

fn head(write: &Write<'_, '_>, fields: &mut Fields) -> Answer<()> {
    let view = write.view();
    let employee = view
        .follow(fields, "entity", "employee")
        .cloned()
        .unwrap_or_default();
    if flag_of(&employee, "isInactive") {
        return Err(Refusal::invalid_value(
            text_of(fields, "entity").unwrap_or_default(),
            "entity",
            "entity",
        ));
    }
    if let Some(subsidiary) = text_of(&employee, "subsidiary") {
        default_text(fields, "subsidiary", subsidiary);
    }
    let base = base_currency(view, text_of(fields, "subsidiary").unwrap_or_default());
    let own = text_of(&employee, "defaultexpensereportcurrency")
        .unwrap_or(&base)
        .to_owned();
    default_text(fields, "expensereportcurrency", own);
    let day = date_of(fields, "tranDate").ok_or_else(period::outside)?;
    if number_of(fields, "expensereportexchangerate").is_none_or(|r| r <= Decimal::ZERO) {
        let rate = exchange_rate(
            view,
            text_of(fields, "expensereportcurrency").unwrap_or_default(),
            &base,
            day,
        );
        put_number(fields, "expensereportexchangerate", rate);
    }
    default_text(fields, "account", account_of_type(view, "AcctPay", ""));
    Ok(())
}

fn lines(write: &Write<'_, '_>, fields: &mut Fields) -> Answer<Decimal> {
    let view = write.view();
    let own = text_of(fields, "expensereportcurrency")
        .unwrap_or_default()
        .to_owned();
    let places = precision(view, &own);
    let mut lines = lines_of(fields, "expense");
    if lines.is_empty() {
        return Err(Refusal::user_error(
            "You must enter at least one line item for this transaction.",
        ));
    }
    let mut total = Decimal::ZERO;
    for (at, line) in lines.iter_mut().enumerate() {
        let path = |name: &str| format!("expense.items[{at}].{name}");
        let Some(category) = view.follow(line, "category", "expenseCategory") else {
            return Err(Refusal::missing(&["Category".to_owned()])
                .at(crate::netsuite::errors::Place::Path(path("category"))));
        };
        if let Some(account) = text_of(category, "expenseAcct") {
            default_text(line, "expenseaccount", account);
        }
        let project = view.follow(line, "customer", "job");
        if project.is_some_and(|p| !flag_of(p, "allowExpenses")) {
            return Err(Refusal::user_error("The project does not allow expenses."));
        }
        check_task(write, line, "projecttask", "customer")?;
        default_text(line, "currency", own.clone());
        let day = date_of(line, "expensedate")
            .or_else(|| date_of(fields, "tranDate"))
            .ok_or_else(period::outside)?;
        let rate = match number_of(line, "exchangerate") {
            Some(rate) => rate,
            None => exchange_rate(view, text_of(line, "currency").unwrap_or_default(), &own, day),
        };
        let foreign = number_of(line, "foreignamount")
            .or_else(|| Some(number_of(line, "quantity")? * number_of(line, "rate")?));
        let amount = foreign.map(|f| f * rate).or_else(|| number_of(line, "amount"));
        let amount = round(
            amount.ok_or_else(|| Refusal::missing(&["Amount".to_owned()]))?,
            places,
        );
        // Lines may be negative: Oracle's own OpenAir integration makes such lines for what is not paid back.
        if amount.is_zero() {
            return Err(Refusal::invalid_value(
                &amount.to_string(),
                "amount",
                &path("amount"),
            ));
        }
        put_number(line, "exchangerate", rate);
        put_number(line, "amount", amount);
        total += amount;
    }
    put_lines(fields, "expense", lines);
    Ok(total)
}

fn approve(fields: &mut Fields) {
    if flag_of(fields, "accountingapproval") {
        put_text(fields, "approvalStatus", "2");
    }
    default_text(
        fields,
        "approvalStatus",
        if flag_of(fields, "complete") { "1" } else { "11" },
    );
    let approved = text_of(fields, "approvalStatus") == Some("2");
    fields.insert("accountingapproval".to_owned(), Value::Bool(approved));
    if approved {
        fields.insert("complete".to_owned(), Value::Bool(true));
    }
    let status = match (
        text_of(fields, "approvalStatus"),
        flag_of(fields, "supervisorapproval"),
    ) {
        (Some("2"), _) => "F",
        (Some("3"), true) => "E",
        (Some("3"), false) => "D",
        (Some("1"), true) => "C",
        (Some("1"), false) => "B",
        _ => "A",
    };
    put_text(fields, "status", status);
}

/// Ledger lines of a stored report.
pub(super) fn settle(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    fields: &Fields,
) -> Answer<()> {
    let books = Books::of(
        write,
        fields,
        "expensereportcurrency",
        "expensereportexchangerate",
    );
    let posts = text_of(fields, "approvalStatus") == Some("2");
    let account = |account: Option<&str>| posts.then(|| account.unwrap_or_default().to_owned());
    let mut entries: Vec<Line> = Vec::new();
    for source in lines_of(fields, "expense") {
        let mut shown = Fields::new();
        for (to, from) in [
            ("entity", "customer"),
            ("memo", "memo"),
            ("department", "department"),
            ("class", "class"),
            ("location", "location"),
        ] {
            if let Some(value) = text_of(&source, from) {
                put_text(&mut shown, to, value);
            }
        }
        entries.push(Line {
            account: account(text_of(&source, "expenseaccount")),
            foreign: number_of(&source, "amount").unwrap_or_default(),
            shown,
            ..Line::default()
        });
    }
    let base: Decimal = entries.iter().map(|l| books.base(l.foreign)).sum();
    let mut shown = Fields::new();
    put_text(
        &mut shown,
        "entity",
        text_of(fields, "entity").unwrap_or_default(),
    );
    let main = Line {
        account: account(text_of(fields, "account")),
        foreign: -number_of(fields, "total").unwrap_or_default(),
        base: Some(-base),
        is_main: true,
        shown,
        ..Line::default()
    };
    entries.insert(0, main);
    ledger::write_lines(write, record, id, fields, &books, entries)
}
