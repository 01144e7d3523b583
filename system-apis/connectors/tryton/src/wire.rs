//! Tryton's shapes, as far as we use them.
//!
//! Tryton writes what JSON has no type for as an object with the key `__class__`: amounts, days, instants, durations. A
//! field behind a reference is asked for as `party.name` and comes as `{"party.": {"name": ..}}`. What cannot be read is
//! a Fault that names the field.

use std::str::FromStr;

use canonical_model::{Failure, Minutes, RecordRef, Result};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use rust_decimal::Decimal;
use serde_json::{Map, Number, Value, json};

/// Longest text of Tryton that is shown to people.
const LONGEST: usize = 400;

/// A record with the fields that were asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Map<String, Value>);

impl Record {
    /// From a JSON object.
    pub(crate) fn new(value: Value) -> Result<Self> {
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            other => Err(undecodable("an answer", "record", &other)),
        }
    }

    /// The value at a path such as `party.name`; `null` counts as absent.
    pub(crate) fn at(&self, path: &str) -> Option<&Value> {
        let (here, field) = self.walk(path)?;
        here.get(field).filter(|value| !value.is_null())
    }

    /// The object that holds the last field of a path.
    fn walk<'p>(&self, path: &'p str) -> Option<(&Map<String, Value>, &'p str)> {
        let Some((way, field)) = path.rsplit_once('.') else {
            return Some((&self.0, path));
        };
        let mut here = &self.0;
        for step in way.split('.') {
            here = here.get(&format!("{step}."))?.as_object()?;
        }
        Some((here, field))
    }

    /// The database id.
    pub(crate) fn id(&self) -> Result<i64> {
        self.integer("id").ok_or_else(|| self.bad("id"))
    }

    /// A whole number or the id of a reference.
    pub(crate) fn integer(&self, path: &str) -> Option<i64> {
        self.at(path)?.as_i64()
    }

    /// A text; empty text counts as absent.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let text = self.at(path)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// A check box; absent is off.
    pub(crate) fn flag(&self, path: &str) -> bool {
        match self.at(path) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => false,
        }
    }

    /// A reference, with what people call the record.
    pub(crate) fn reference(&self, path: &str, label: &str) -> Option<RecordRef> {
        let id = self.integer(path)?.to_string();
        Some(RecordRef {
            id,
            label: self.text(label),
        })
    }

    /// An amount or a quantity, exactly as its text says it.
    pub(crate) fn decimal(&self, path: &str) -> Result<Option<Decimal>> {
        let Some(value) = self.at(path) else {
            return Ok(None);
        };
        let text = match value {
            Value::Number(number) => Some(number.to_string()),
            Value::Object(_) => value.get("decimal").and_then(Value::as_str).map(str::to_owned),
            _ => None,
        };
        let parsed = text.and_then(|text| {
            Decimal::from_str(&text)
                .or_else(|_| Decimal::from_scientific(&text))
                .ok()
        });
        parsed.map(Some).ok_or_else(|| self.bad(path))
    }

    /// An amount that must be there.
    pub(crate) fn amount(&self, path: &str) -> Result<Decimal> {
        self.decimal(path)?.ok_or_else(|| self.bad(path))
    }

    /// A day.
    pub(crate) fn date(&self, path: &str) -> Result<Option<NaiveDate>> {
        match self.at(path) {
            None => Ok(None),
            Some(value) => day_of(value).map(Some).ok_or_else(|| self.bad(path)),
        }
    }

    /// A day that must be there.
    pub(crate) fn day(&self, path: &str) -> Result<NaiveDate> {
        self.date(path)?.ok_or_else(|| self.bad(path))
    }

    /// An instant.
    pub(crate) fn instant(&self, path: &str) -> Result<Option<DateTime<Utc>>> {
        match self.at(path) {
            None => Ok(None),
            Some(value) => instant_of(value).map(Some).ok_or_else(|| self.bad(path)),
        }
    }

    /// A duration. One that is no whole number of minutes is an error: rounding it would lose time.
    pub(crate) fn minutes(&self, path: &str) -> Result<Option<Minutes>> {
        let Some(value) = self.at(path) else {
            return Ok(None);
        };
        let seconds = value.get("seconds").and_then(Value::as_number);
        let seconds = seconds.and_then(|seconds| Decimal::from_str(&seconds.to_string()).ok());
        let minutes = seconds.and_then(|seconds| {
            use rust_decimal::prelude::ToPrimitive;
            let minutes = seconds.checked_div(Decimal::from(60))?;
            minutes.is_integer().then(|| minutes.to_i64()).flatten()
        });
        minutes
            .map(|minutes| Some(Minutes::new(minutes)))
            .ok_or_else(|| self.bad(path))
    }

    /// The records behind a list of references, read with dotted names.
    pub(crate) fn many(&self, path: &str) -> Result<Vec<Record>> {
        let (here, name) = self.walk(path).ok_or_else(|| self.bad(path))?;
        match here.get(&format!("{name}.")) {
            Some(Value::Array(items)) => items.iter().cloned().map(Record::new).collect(),
            _ => Err(self.bad(path)),
        }
    }

    /// The ids in a list of references.
    pub(crate) fn ids(&self, name: &str) -> Vec<i64> {
        let items = self.at(name).and_then(Value::as_array);
        items.into_iter().flatten().filter_map(Value::as_i64).collect()
    }

    /// The failure of a value that cannot be read.
    pub(crate) fn bad(&self, path: &str) -> Failure {
        let what = self
            .0
            .get("id")
            .map_or_else(|| "a record".to_owned(), |id| format!("record {id}"));
        undecodable(&what, path, self.at(path).unwrap_or(&Value::Null))
    }

    /// The failure of a value that nobody has said the meaning of.
    pub(crate) fn unmapped(&self, path: &str, meaning: &str) -> Failure {
        let value = self.at(path).map(Value::to_string).unwrap_or_default();
        let id = self.at("id").map(Value::to_string).unwrap_or_default();
        let message = format!("{path} {value} of Tryton record {id} has no meaning: {meaning}");
        Failure::fault("unmapped_value", message)
    }
}

fn undecodable(what: &str, path: &str, value: &Value) -> Failure {
    let message = format!("{path} of {what} in Tryton cannot be read");
    Failure::fault("undecodable_answer", message).with_detail(value.to_string())
}

fn part(value: &Value, name: &str) -> Option<u32> {
    u32::try_from(value.get(name)?.as_i64()?).ok()
}

fn day_of(value: &Value) -> Option<NaiveDate> {
    let year = i32::try_from(value.get("year")?.as_i64()?).ok()?;
    NaiveDate::from_ymd_opt(year, part(value, "month")?, part(value, "day")?)
}

fn instant_of(value: &Value) -> Option<DateTime<Utc>> {
    let time = day_of(value)?.and_hms_micro_opt(
        part(value, "hour")?,
        part(value, "minute")?,
        part(value, "second")?,
        part(value, "microsecond")?,
    )?;
    Some(time.and_utc())
}

/// An amount.
pub(crate) fn decimal(amount: Decimal) -> Value {
    json!({ "__class__": "Decimal", "decimal": amount.normalize().to_string() })
}

/// A quantity, which Tryton keeps as a JSON number; written digit by digit.
pub(crate) fn number(quantity: Decimal) -> Value {
    let text = quantity.normalize().to_string();
    text.parse::<Number>().map_or(Value::String(text), Value::Number)
}

/// A day.
pub(crate) fn date(day: NaiveDate) -> Value {
    json!({ "__class__": "date", "year": day.year(), "month": day.month(), "day": day.day() })
}

/// An instant.
pub(crate) fn datetime(time: NaiveDateTime) -> Value {
    json!({
        "__class__": "datetime", "year": time.year(), "month": time.month(), "day": time.day(), "hour": time.hour(),
        "minute": time.minute(), "second": time.second(), "microsecond": time.nanosecond() / 1000,
    })
}

/// A duration.
pub(crate) fn duration(minutes: Minutes) -> Value {
    json!({ "__class__": "timedelta", "seconds": minutes.count().saturating_mul(60) })
}

/// New records in a list of references.
pub(crate) fn creating(records: Vec<Value>) -> Value {
    json!([["create", records]])
}

/// The database id that a reference names.
///
/// # Errors
/// Business `invalid_reference` for what is no id of Tryton.
pub(crate) fn id_of(reference: &RecordRef, what: &str) -> Result<i64> {
    reference.id.parse().map_err(|_| {
        let message = format!("{what} {:?} is no id of a Tryton record", reference.id);
        Failure::business("invalid_reference", message)
    })
}

/// The database id behind a reference that may be absent, as a value.
pub(crate) fn id_or_null(reference: Option<&RecordRef>, what: &str) -> Result<Value> {
    reference.map_or(Ok(Value::Null), |reference| Ok(id_of(reference, what)?.into()))
}

/// An error of a call that Tryton answered with status 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallError {
    /// `UserError`, `UserWarning`, `ConcurrencyException`, `LoginException`; empty where the server failed.
    pub(crate) kind: String,
    /// Name of a warning, such as `4f1d..e0.invoice_date_future`.
    pub(crate) name: Option<String>,
    /// For people; shortened, because what follows it can be tens of kilobytes.
    pub(crate) message: String,
}

impl CallError {
    /// From `[type, detail]`, or from `[text, traceback]` where the server failed.
    pub(crate) fn new(error: &Value) -> Self {
        let text = |value: Option<&Value>| {
            let text = value.and_then(Value::as_str).unwrap_or_default();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            text.chars().take(LONGEST).collect::<String>()
        };
        let first = text(error.get(0));
        let detail = error.get(1);
        let of_detail = |at: usize| text(detail.and_then(|detail| detail.get(at)));
        let (name, message) = match first.as_str() {
            "UserError" => (None, of_detail(0)),
            "UserWarning" => (Some(of_detail(0)), of_detail(1)),
            "ConcurrencyException" => (None, text(detail)),
            "LoginException" => (None, of_detail(1)),
            _ => {
                return Self {
                    kind: String::new(),
                    name: None,
                    message: first,
                };
            }
        };
        Self {
            kind: first,
            name,
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;

    use super::*;

    fn record(value: Value) -> Record {
        Record::new(value).unwrap()
    }

    #[test]
    fn typed_values_are_read_to_the_last_digit() {
        let read = record(json!({
            "id": 7, "amount": {"__class__": "Decimal", "decimal": "1234567890123.4500"}, "quantity": 0.33,
            "day": {"__class__": "date", "year": 2026, "month": 2, "day": 28},
            "at": {"__class__": "datetime", "year": 2026, "month": 11, "day": 24, "hour": 23, "minute": 45, "second": 3,
                   "microsecond": 29337},
            "time": {"__class__": "timedelta", "seconds": 27000.0}, "odd": {"__class__": "timedelta", "seconds": 90.5},
            "nothing": null, "party.": {"id": 9, "name": "Helios", "lang.": null},
            "lines.": [{"id": 1}, {"id": 2}]
        }));
        assert_eq!(read.amount("amount").unwrap(), dec!(1234567890123.45));
        assert_eq!(read.amount("quantity").unwrap(), dec!(0.33));
        assert_eq!(read.day("day").unwrap().to_string(), "2026-02-28");
        assert_eq!(
            read.instant("at").unwrap().unwrap().to_rfc3339(),
            "2026-11-24T23:45:03.029337+00:00"
        );
        assert_eq!(read.minutes("time").unwrap(), Some(Minutes::new(450)));
        assert_eq!(read.minutes("odd").unwrap_err().code, "undecodable_answer");
        assert_eq!(read.decimal("nothing").unwrap(), None);
        assert_eq!(read.text("party.name").as_deref(), Some("Helios"));
        assert_eq!(read.text("party.lang.code"), None);
        assert_eq!(read.many("lines").unwrap().len(), 2);
        assert_eq!(decimal(dec!(10.50))["decimal"], "10.5");
        assert_eq!(duration(Minutes::new(450))["seconds"], 27000);
    }

    #[test]
    fn of_an_error_the_message_is_kept_and_nothing_that_follows_it() {
        let long = "x".repeat(50_000);
        let error = CallError::new(&json!([
            "UserError",
            [format!("Code\u{a0}taken {long}"), "", [[long]]]
        ]));
        assert_eq!(error.message.chars().count(), LONGEST);
        assert!(error.message.starts_with("Code taken"));
        let warning = CallError::new(&json!(["UserWarning", ["ab12.invoice_taxes", "Sure?", ""]]));
        assert_eq!(
            (warning.name.as_deref(), warning.message.as_str()),
            (Some("ab12.invoice_taxes"), "Sure?")
        );
        let bare = CallError::new(&json!(["'nam'", ""]));
        assert_eq!((bare.kind.as_str(), bare.message.as_str()), ("", "'nam'"));
    }
}
