//! Journal entries: debits and credits that must balance.

use rust_decimal::Decimal;

use super::ledger::{self, Books, Line};
use super::money::{base_currency, exchange_rate};
use super::sale::number_document;
use super::{Write, period, require};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{
    date_of, default_text, lines_of, number_of, put_number, put_text, round, text_of,
};
use crate::store::Fields;

/// Completes and checks a journal entry.
pub(super) fn prepare(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    old: Option<&Fields>,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    default_text(fields, "tranDate", write.today());
    let view = write.view();
    let base = base_currency(view, text_of(fields, "subsidiary").unwrap_or_default());
    default_text(fields, "currency", base.clone());
    let day = date_of(fields, "tranDate").ok_or_else(period::outside)?;
    if number_of(fields, "exchangeRate").is_none_or(|r| r <= Decimal::ZERO) {
        let rate = exchange_rate(view, text_of(fields, "currency").unwrap_or_default(), &base, day);
        put_number(fields, "exchangeRate", rate);
    }
    period::assign(view, record, old, fields)?;
    let lines = lines_of(fields, "line");
    if lines.len() < 2 {
        return Err(Refusal::user_error(
            "You must enter at least two lines for this transaction.",
        ));
    }
    let (mut debit, mut credit) = (Decimal::ZERO, Decimal::ZERO);
    for (at, line) in lines.iter().enumerate() {
        let path = format!("line.items[{at}]");
        if text_of(line, "account").is_none() {
            return Err(
                Refusal::missing(&["Account".to_owned()]).at(crate::netsuite::errors::Place::Path(path))
            );
        }
        match (number_of(line, "debit"), number_of(line, "credit")) {
            (Some(amount), None) => debit += amount,
            (None, Some(amount)) => credit += amount,
            _ => {
                return Err(Refusal::user_error(
                    "Each line must have either a debit or a credit amount.",
                ));
            }
        }
    }
    if debit != credit {
        return Err(Refusal::user_error(
            "The amounts in a journal entry must balance.",
        ));
    }
    put_number(fields, "debitTotal", debit);
    put_number(fields, "creditTotal", credit);
    default_text(fields, "approvalStatus", "2");
    number_document(write, record, fields);
    Ok(())
}

/// Ledger lines of a stored journal entry; one that awaits approval does not post.
pub(super) fn settle(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    fields: &Fields,
) -> Answer<()> {
    let books = Books::of(write, fields, "currency", "exchangeRate");
    let posts = text_of(fields, "approvalStatus") == Some("2");
    let mut lines: Vec<Line> = lines_of(fields, "line")
        .iter()
        .map(|source| {
            let amount = number_of(source, "debit")
                .or_else(|| number_of(source, "credit").map(|c| -c))
                .unwrap_or_default();
            let amount = round(amount, books.places);
            let mut shown = Fields::new();
            for name in ["memo", "entity", "department", "class", "location"] {
                if let Some(value) = text_of(source, name) {
                    put_text(&mut shown, name, value);
                }
            }
            Line {
                account: posts.then(|| text_of(source, "account").unwrap_or_default().to_owned()),
                foreign: amount,
                base: Some(books.base(amount)),
                shown,
                ..Line::default()
            }
        })
        .collect();
    let rounding: Decimal = lines.iter().filter_map(|l| l.base).sum();
    if let Some(last) = lines.last_mut() {
        last.base = last.base.map(|b| b - rounding);
    }
    ledger::write_lines(write, record, id, fields, &books, lines)
}
