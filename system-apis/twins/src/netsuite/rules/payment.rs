//! Customer payments: what came in, on which invoices it goes, and the exchange difference.

use rust_decimal::Decimal;

use super::entity::belongs_to;
use super::ledger::{self, Books, Line};
use super::money::{account_of_type, base_currency, customer_currencies, exchange_rate};
use super::sale::number_document;
use super::{Write, applied_amounts, applying, period, require};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{
    date_of, default_flag, default_text, flag_of, lines_of, number_of, put_number, put_text, round, text_of,
};
use crate::store::Fields;

/// Completes and checks a payment.
pub(super) fn prepare(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    old: Option<&Fields>,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    default_text(fields, "tranDate", write.today());
    head(write, fields)?;
    period::assign(write.view(), record, old, fields)?;
    let customer = text_of(fields, "customer").unwrap_or_default().to_owned();
    let given = number_of(fields, "payment");
    if given.is_some_and(|p| p <= Decimal::ZERO) {
        return Err(Refusal::invalid_value(
            &given.unwrap_or_default().to_string(),
            "payment",
            "payment",
        ));
    }
    let available = given.unwrap_or(Decimal::MAX);
    let applied = applying::prepare(write, old, fields, available, &customer)?;
    let payment = given.unwrap_or(applied);
    if payment <= Decimal::ZERO {
        return Err(Refusal::missing(&["Payment Amount".to_owned()]));
    }
    let books = Books::of(write, fields, "currency", "exchangeRate");
    let payment = round(payment, books.places);
    for (name, value) in [
        ("payment", payment),
        ("total", payment),
        ("applied", applied),
        ("unapplied", payment - applied),
    ] {
        put_number(fields, name, value);
    }
    put_text(
        fields,
        "status",
        if flag_of(fields, "undepFunds") { "B" } else { "C" },
    );
    number_document(write, record, fields);
    Ok(())
}

fn head(write: &Write<'_, '_>, fields: &mut Fields) -> Answer<()> {
    let view = write.view();
    let customer_id = text_of(fields, "customer").unwrap_or_default().to_owned();
    let customer = view.fields("customer", &customer_id).cloned().unwrap_or_default();
    let invoice = lines_of(fields, "apply")
        .iter()
        .find_map(|l| view.follow(l, "doc", "invoice"));
    for name in ["subsidiary", "currency"] {
        let value = invoice
            .and_then(|i| text_of(i, name))
            .or_else(|| text_of(&customer, name));
        if let Some(value) = value {
            default_text(fields, name, value);
        }
    }
    let currency = text_of(fields, "currency").unwrap_or_default().to_owned();
    let subsidiary = text_of(fields, "subsidiary").unwrap_or_default().to_owned();
    if !belongs_to(view, &customer_id, &subsidiary) {
        return Err(Refusal::invalid_value(&subsidiary, "subsidiary", "subsidiary"));
    }
    if !customer_currencies(&customer).contains(&currency) {
        return Err(Refusal::invalid_value(&currency, "currency", "currency"));
    }
    let day = date_of(fields, "tranDate").ok_or_else(period::outside)?;
    if number_of(fields, "exchangeRate").is_none_or(|r| r <= Decimal::ZERO) {
        put_number(
            fields,
            "exchangeRate",
            exchange_rate(view, &currency, &base_currency(view, &subsidiary), day),
        );
    }
    default_flag(fields, "undepFunds", false);
    let kind = if flag_of(fields, "undepFunds") {
        "OthCurrAsset"
    } else {
        "Bank"
    };
    default_text(fields, "account", account_of_type(view, kind, &currency));
    default_text(fields, "arAcct", account_of_type(view, "AcctRec", ""));
    Ok(())
}

/// Ledger lines and open amounts after a payment was stored.
pub(super) fn settle(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    old: Option<&Fields>,
    fields: &Fields,
) -> Answer<()> {
    let books = Books::of(write, fields, "currency", "exchangeRate");
    let lines = ledger_lines(write, fields, &books);
    ledger::write_lines(write, record, id, fields, &books, lines)?;
    let before = old.map(applied_amounts).unwrap_or_default();
    applying::settle(write, &before, &applied_amounts(fields));
    Ok(())
}

fn ledger_lines(write: &Write<'_, '_>, fields: &Fields, books: &Books) -> Vec<Line> {
    let view = write.view();
    let payment = number_of(fields, "payment").unwrap_or_default();
    let receivable = text_of(fields, "arAcct").unwrap_or_default();
    let mut shown = Fields::new();
    put_text(
        &mut shown,
        "entity",
        text_of(fields, "customer").unwrap_or_default(),
    );
    let line = |account: &str, foreign: Decimal, base: Decimal| Line {
        account: Some(account.to_owned()),
        foreign,
        base: Some(base),
        shown: shown.clone(),
        ..Line::default()
    };
    let mut lines = vec![Line {
        is_main: true,
        ..line(
            text_of(fields, "account").unwrap_or_default(),
            payment,
            books.base(payment),
        )
    }];
    for (doc, amount) in applied_amounts(fields) {
        let rate = view
            .fields("invoice", &doc)
            .and_then(|i| number_of(i, "exchangeRate"))
            .unwrap_or(books.rate);
        lines.push(line(
            receivable,
            -amount,
            -round(amount * rate, books.base_places),
        ));
    }
    let unapplied = number_of(fields, "unapplied").unwrap_or_default();
    if !unapplied.is_zero() {
        lines.push(line(receivable, -unapplied, -books.base(unapplied)));
    }
    let difference: Decimal = lines.iter().filter_map(|l| l.base).sum();
    if !difference.is_zero() {
        lines.push(line(
            &account_of_type(view, "OthIncome", ""),
            Decimal::ZERO,
            -difference,
        ));
    }
    lines
}
