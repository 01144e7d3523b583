//! NetSuite's shapes, as far as we use them.
//!
//! NetSuite gives the same record in two forms: the record service writes `{"isBillable": true, "employee": {"id": "11",
//! "refName": ".."}}`, SuiteQL writes `{"isbillable": "T", "employee": "11"}`. [`Record`] reads both, so that there is
//! one mapping a record. It never guesses: what cannot be read is a Fault that names the field.

use std::str::FromStr;

use canonical_model::{Failure, Minutes, RecordRef, Result};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Number, Value, json};

/// Column of SuiteQL rows with the name that goes with a reference: `employee` and `employee_label`.
const LABEL: &str = "_label";

/// A record, a row, or a line of a sublist. Names are looked up without regard to case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record(Map<String, Value>);

impl Record {
    /// From a JSON object.
    pub(crate) fn new(value: Value) -> Result<Self> {
        match value {
            Value::Object(fields) => {
                let lower = fields
                    .into_iter()
                    .map(|(name, value)| (name.to_lowercase(), value));
                Ok(Self(lower.filter(|(_, value)| !value.is_null()).collect()))
            }
            other => Err(undecodable("a record", "record", &other)),
        }
    }

    /// The same with the stamp of its row, for record types that do not say when they were changed.
    pub(crate) fn with_stamp_of(mut self, row: &Record) -> Self {
        if let Some(stamp) = row.raw("changed") {
            self.0.insert("changed".to_owned(), stamp.clone());
        }
        self
    }

    /// The internal id.
    pub(crate) fn id(&self) -> Result<String> {
        self.text("id")
            .ok_or_else(|| undecodable("a record", "id", &Value::Null))
    }

    /// A value as it stands, for extensions.
    pub(crate) fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(&name.to_lowercase())
    }

    /// Text, a number, or the id of a reference, an enumeration or a country. Empty text counts as absent.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        plain(self.raw(name)?)
    }

    /// The same where a name may be configured or not.
    pub(crate) fn custom(&self, name: Option<&String>) -> Option<String> {
        self.text(name?)
    }

    /// A reference with its name.
    pub(crate) fn reference(&self, name: &str) -> Option<RecordRef> {
        let id = self.text(name)?;
        let label = match self.raw(name) {
            Some(Value::Object(object)) => object.get("refName").and_then(plain),
            _ => self.text(&format!("{name}{LABEL}")),
        };
        Some(RecordRef { id, label })
    }

    /// A number, exactly as its text says it.
    pub(crate) fn number(&self, name: &str) -> Result<Option<Decimal>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let parsed = Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text));
        parsed.map(Some).map_err(|_| self.bad(name))
    }

    /// A number that must be there.
    pub(crate) fn amount(&self, name: &str) -> Result<Decimal> {
        self.number(name)?.ok_or_else(|| self.bad(name))
    }

    /// A check box; absent is off, as NetSuite leaves out what is not set.
    pub(crate) fn flag(&self, name: &str) -> bool {
        match self.raw(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => text == "T" || text == "true",
            _ => false,
        }
    }

    /// A day, also of a date-time.
    pub(crate) fn date(&self, name: &str) -> Result<Option<NaiveDate>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let day = text.get(..10).unwrap_or(&text);
        NaiveDate::parse_from_str(day, "%Y-%m-%d")
            .map(Some)
            .map_err(|_| self.bad(name))
    }

    /// A day that must be there.
    pub(crate) fn day(&self, name: &str) -> Result<NaiveDate> {
        self.date(name)?.ok_or_else(|| self.bad(name))
    }

    /// An instant.
    pub(crate) fn instant(&self, name: &str) -> Result<DateTime<Utc>> {
        let text = self.text(name).ok_or_else(|| self.bad(name))?;
        let parsed = DateTime::parse_from_rfc3339(&text).map(|time| time.to_utc());
        parsed.map_err(|_| self.bad(name))
    }

    /// A duration: `7:30` of the record service, `7.5` of SuiteQL.
    pub(crate) fn minutes(&self, name: &str) -> Result<Minutes> {
        let text = self.text(name).ok_or_else(|| self.bad(name))?;
        let minutes = match text.split_once(':') {
            Some(parts) => hours_and_minutes(parts),
            None => Decimal::from_str(&text).ok().and_then(Minutes::from_hours),
        };
        minutes.ok_or_else(|| self.bad(name))
    }

    /// The lines of a sublist. One that came without its lines, or without all of them, is an error: taken for empty,
    /// it would lose what an invoice charges for.
    pub(crate) fn lines(&self, name: &str) -> Result<Vec<Record>> {
        let Some(sublist) = self.raw(name) else {
            return Ok(Vec::new());
        };
        let items = sublist
            .get("items")
            .and_then(Value::as_array)
            .ok_or_else(|| self.bad(name))?;
        let total = sublist.get("totalResults").and_then(Value::as_u64);
        let complete =
            total.is_none_or(|total| usize::try_from(total).is_ok_and(|total| total == items.len()));
        if !complete {
            let message = format!("NetSuite left out lines of {name} of record {}", self.name());
            return Err(Failure::fault("missing_page", message));
        }
        items.iter().cloned().map(Record::new).collect()
    }

    /// A record within the record.
    pub(crate) fn sub(&self, name: &str) -> Result<Option<Record>> {
        self.raw(name).cloned().map(Record::new).transpose()
    }

    /// The failure of a value that cannot be read.
    pub(crate) fn bad(&self, name: &str) -> Failure {
        undecodable(
            &format!("record {}", self.name()),
            name,
            self.raw(name).unwrap_or(&Value::Null),
        )
    }

    /// The failure of a value that nobody has said the meaning of.
    pub(crate) fn unmapped(&self, name: &str, setting: &str) -> Failure {
        let value = self.text(name).unwrap_or_default();
        let message = format!(
            "{name} {value:?} of NetSuite record {} has no meaning in the setting {setting}",
            self.name()
        );
        Failure::fault("unmapped_value", message)
    }

    fn name(&self) -> String {
        self.text("id").unwrap_or_else(|| "(no id)".to_owned())
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Object(object) => object.get("id").and_then(plain),
        _ => None,
    }
}

fn undecodable(what: &str, name: &str, value: &Value) -> Failure {
    let message = format!("{name} of {what} in NetSuite cannot be read");
    Failure::fault("undecodable_answer", message).with_detail(value.to_string())
}

fn hours_and_minutes((hours, minutes): (&str, &str)) -> Option<Minutes> {
    let (sign, hours) = hours.strip_prefix('-').map_or((1, hours), |rest| (-1, rest));
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let total = hours.checked_mul(60)?.checked_add(minutes)?;
    (0..60).contains(&minutes).then(|| Minutes::new(sign * total))
}

/// A reference in a body.
pub(crate) fn refer(id: &str) -> Value {
    json!({ "id": id })
}

/// A decimal as the JSON number that NetSuite wants, written digit by digit.
pub(crate) fn number(decimal: Decimal) -> Value {
    let text = decimal.normalize().to_string();
    text.parse::<Number>().map_or(Value::String(text), Value::Number)
}

/// Builds a body: what is absent is left out, so that NetSuite leaves it as it is.
#[derive(Default)]
pub(crate) struct Body(Map<String, Value>);

impl Body {
    /// Sets a property.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a property that may be absent.
    pub(crate) fn set_opt(&mut self, name: &str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    /// Sets a reference that may be absent.
    pub(crate) fn refer(&mut self, name: &str, to: Option<&RecordRef>) -> &mut Self {
        self.set_opt(name, to.map(|to| refer(&to.id)))
    }

    /// Sets a day that may be absent.
    pub(crate) fn date(&mut self, name: &str, day: Option<NaiveDate>) -> &mut Self {
        self.set_opt(name, day.map(|day| day.to_string()))
    }

    /// Sets a custom field where the account has one.
    pub(crate) fn custom(&mut self, name: Option<&String>, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(name) = name {
            self.set_opt(name, value);
        }
        self
    }

    /// Sets a sublist.
    pub(crate) fn lines(&mut self, name: &str, lines: Vec<Value>) -> &mut Self {
        self.set(name, json!({ "items": lines }))
    }

    /// The body.
    pub(crate) fn build(self) -> Value {
        Value::Object(self.0)
    }
}

/// One page of SuiteQL.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryPage {
    /// Rows on this page.
    pub(crate) count: usize,
    /// More rows follow.
    pub(crate) has_more: bool,
    /// The rows.
    pub(crate) items: Vec<Value>,
}

/// An asynchronous job.
#[derive(Deserialize)]
pub(crate) struct Job {
    /// All tasks were processed; how each went is in its result.
    #[serde(default)]
    pub(crate) completed: bool,
    /// `pending`, `processing`, `succeeded` or `failed`.
    #[serde(default)]
    pub(crate) progress: String,
}

/// An error body.
#[derive(Deserialize)]
pub(crate) struct ErrorBody {
    /// One entry a trouble.
    #[serde(rename = "o:errorDetails", default)]
    pub(crate) details: Vec<ErrorDetail>,
}

/// One trouble.
#[derive(Deserialize)]
pub(crate) struct ErrorDetail {
    /// For people.
    #[serde(default)]
    pub(crate) detail: String,
    /// For programs.
    #[serde(rename = "o:errorCode", default)]
    pub(crate) code: String,
    /// Where in the body.
    #[serde(rename = "o:errorPath", default)]
    pub(crate) path: Option<String>,
}
