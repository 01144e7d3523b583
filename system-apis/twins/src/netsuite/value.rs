//! Numbers, dates and durations as NetSuite writes them, without ever passing money through a float.
//!
//! In the store a number is its decimal text, a date `YYYY-MM-DD`, a duration `h:mm`; on the wire numbers are JSON
//! numbers. The conversion goes over text on both sides.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Number, Value};

use crate::store::Fields;

/// Reads a JSON number, or a number in text, exactly.
pub(super) fn decimal(value: &Value) -> Option<Decimal> {
    let text = match value {
        Value::Number(n) => n.to_string(),
        Value::String(s) => s.trim().to_owned(),
        _ => return None,
    };
    text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
}

/// A decimal as the store keeps it.
pub(super) fn stored(number: Decimal) -> Value {
    Value::String(number.normalize().to_string())
}

/// A stored decimal as a JSON number.
pub(super) fn json_number(value: &Value) -> Value {
    let number = decimal(value).and_then(|d| d.normalize().to_string().parse::<Number>().ok());
    number.map_or(Value::Null, Value::Number)
}

/// A number field of a record or line.
pub(super) fn number_of(fields: &Fields, name: &str) -> Option<Decimal> {
    fields.get(name).and_then(decimal)
}

/// A text field (also a reference, an enumeration or a date) of a record or line.
pub(super) fn text_of<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// A check box of a record or line; absent is false.
pub(super) fn flag_of(fields: &Fields, name: &str) -> bool {
    fields.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// A date field of a record or line.
pub(super) fn date_of(fields: &Fields, name: &str) -> Option<NaiveDate> {
    text_of(fields, name).and_then(date)
}

/// The lines of a sublist of a record.
pub(super) fn lines_of(fields: &Fields, sublist: &str) -> Vec<Fields> {
    let lines = fields.get(sublist).and_then(Value::as_array);
    lines
        .into_iter()
        .flatten()
        .filter_map(|l| l.as_object().cloned())
        .collect()
}

/// Puts the lines of a sublist into a record; none leaves the sublist absent.
pub(super) fn put_lines(fields: &mut Fields, sublist: &str, lines: Vec<Fields>) {
    if lines.is_empty() {
        fields.remove(sublist);
    } else {
        fields.insert(
            sublist.to_owned(),
            Value::Array(lines.into_iter().map(Value::Object).collect()),
        );
    }
}

/// Puts text into a record where the caller gave none.
pub(super) fn default_text(fields: &mut Fields, name: &str, value: impl Into<String>) {
    if fields.get(name).is_none_or(Value::is_null) {
        fields.insert(name.to_owned(), Value::String(value.into()));
    }
}

/// Sets a check box where the caller did not.
pub(super) fn default_flag(fields: &mut Fields, name: &str, value: bool) {
    if fields.get(name).is_none_or(Value::is_null) {
        fields.insert(name.to_owned(), Value::Bool(value));
    }
}

/// Puts a number into a record.
pub(super) fn put_number(fields: &mut Fields, name: &str, number: Decimal) {
    fields.insert(name.to_owned(), stored(number));
}

/// Puts text into a record.
pub(super) fn put_text(fields: &mut Fields, name: &str, text: impl Into<String>) {
    fields.insert(name.to_owned(), Value::String(text.into()));
}

/// `YYYY-MM-DD`, or the date of an ISO date-time.
pub(super) fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().or_else(|| {
        DateTime::parse_from_rfc3339(text)
            .ok()
            .map(|t| t.to_utc().date_naive())
    })
}

/// The instant as REST web services print it.
pub(super) fn instant(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Minutes of an `h:mm` duration.
pub(super) fn minutes(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (hours, minutes) = text.split_once(':')?;
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits(hours) || minutes.len() != 2 || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60)
        .then(|| hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(sign))
        .flatten()
}

/// Minutes as `h:mm`.
pub(super) fn duration(minutes: i64) -> String {
    let (sign, minutes) = (if minutes < 0 { "-" } else { "" }, minutes.abs());
    format!("{sign}{}:{:02}", minutes / 60, minutes % 60)
}

/// Commercial rounding to a currency's minor units.
pub(super) fn round(amount: Decimal, places: u32) -> Decimal {
    amount.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}
