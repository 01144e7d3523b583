//! Kantata's envelope: what was found in order, beside maps of records by kind and id.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use canonical_model::{Failure, Result};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// One record. Ids are read as numbers or texts, as the vendor writes both.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Record(Map<String, Value>);

impl Record {
    /// Whether the field is in the answer at all: what the caller may not see is left out.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text or id; an empty text is none.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(plain).filter(|text| !text.is_empty())
    }

    pub(crate) fn id(&self) -> Result<String> {
        self.needed("id", self.text("id"))
    }

    /// A value without which the record means nothing.
    pub(crate) fn needed<T>(&self, name: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| {
            let id = self.text("id").unwrap_or_default();
            Failure::fault(
                "field_missing_in_answer",
                format!("record {id} of Kantata has no {name}"),
            )
        })
    }

    pub(crate) fn needed_text(&self, name: &str) -> Result<String> {
        self.needed(name, self.text(name))
    }

    /// A value that is left out of answers to users who may not see money.
    pub(crate) fn shown_to_finance(&self, name: &str) -> Result<()> {
        if self.has(name) {
            return Ok(());
        }
        let id = self.text("id").unwrap_or_default();
        let message = format!(
            "the integration's user may not see {name} of record {id} in Kantata: give it financial access"
        );
        Err(Failure::fault("no_financial_access", message))
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let value = text.parse().map(Some);
        value.map_err(|_| {
            let id = self.text("id").unwrap_or_default();
            let message = format!("record {id} of Kantata has {name} {text:?}, which cannot be read");
            Failure::fault("unexpected_answer", message)
        })
    }

    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>> {
        self.parsed(name)
    }

    pub(crate) fn decimal(&self, name: &str) -> Result<Option<Decimal>> {
        self.parsed(name)
    }

    pub(crate) fn date(&self, name: &str) -> Result<Option<NaiveDate>> {
        self.parsed(name)
    }

    /// A time with its offset.
    pub(crate) fn time(&self, name: &str) -> Result<Option<DateTime<chrono::FixedOffset>>> {
        self.parsed(name)
    }

    pub(crate) fn instant(&self, name: &str) -> Result<Option<DateTime<Utc>>> {
        Ok(self.time(name)?.map(|time| time.to_utc()))
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn ids(&self, name: &str) -> Vec<String> {
        let list = self.0.get(name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(plain).collect()
    }

    pub(crate) fn inner(&self, name: &str) -> Option<Record> {
        self.0.get(name).and_then(Value::as_object).cloned().map(Record)
    }
}

/// A text or a number as a text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Records of one kind by id.
type Kind = HashMap<String, Record>;

/// An answer, or several put together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Envelope {
    /// Ids of what was found, in order. The maps hold more than that: what was asked to come along.
    pub(crate) results: Vec<String>,
    kinds: BTreeMap<String, Kind>,
    seen: HashSet<String>,
    /// An instant of the vendor's clock before which the answer was not made.
    pub(crate) asked_at: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Hit {
    id: Value,
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut whole = Map::<String, Value>::deserialize(deserializer)?;
        let hits = whole
            .remove("results")
            .ok_or_else(|| D::Error::missing_field("results"))?;
        let hits: Vec<Hit> = serde_json::from_value(hits).map_err(D::Error::custom)?;
        let mut envelope = Self::default();
        for hit in hits {
            let id = plain(&hit.id).ok_or_else(|| D::Error::custom("a result without id"))?;
            envelope.seen.insert(id.clone());
            envelope.results.push(id);
        }
        for (kind, records) in whole {
            let Value::Object(records) = records else { continue };
            if kind == "meta" {
                continue;
            }
            let records = records.into_iter().filter_map(|(id, record)| match record {
                Value::Object(record) => Some((id, Record(record))),
                _ => None,
            });
            envelope.kinds.insert(kind, records.collect());
        }
        Ok(envelope)
    }
}

impl Envelope {
    pub(crate) fn get(&self, kind: &str, id: &str) -> Option<&Record> {
        self.kinds.get(kind)?.get(id)
    }

    /// A record that was found; every result has one.
    pub(crate) fn found(&self, kind: &str, id: &str) -> Result<&Record> {
        self.get(kind, id).ok_or_else(|| {
            let message = format!("Kantata found {id} among {kind} and does not show it");
            Failure::fault("unexpected_answer", message)
        })
    }

    pub(crate) fn all(&self, kind: &str) -> impl Iterator<Item = &Record> {
        self.kinds.get(kind).into_iter().flat_map(HashMap::values)
    }

    /// The record that a field points to.
    pub(crate) fn follow(&self, record: &Record, field: &str, kind: &str) -> Option<&Record> {
        self.get(kind, &record.text(field)?)
    }

    pub(crate) fn holds(&self, id: &str) -> bool {
        self.seen.contains(id)
    }

    /// Puts a further part of the same list behind this one. A record that is in both is as it was read last.
    pub(crate) fn absorb(&mut self, other: Self) {
        for id in &other.results {
            if self.seen.insert(id.clone()) {
                self.results.push(id.clone());
            }
        }
        self.asked_at = self.asked_at.or(other.asked_at);
        self.take_along(other);
    }

    /// Takes over the records of another answer, not what it found.
    pub(crate) fn take_along(&mut self, other: Self) {
        for (kind, records) in other.kinds {
            self.kinds.entry(kind).or_default().extend(records);
        }
    }

    /// The ids in a field of some records.
    pub(crate) fn ids_in(&self, kind: &str, of: &[String], field: &str) -> BTreeSet<String> {
        let records = of.iter().filter_map(|id| self.get(kind, id));
        records.filter_map(|record| record.text(field)).collect()
    }

    /// The value of a custom field that came along with a record.
    fn custom(&self, record: &Record, field: &str) -> Option<&Record> {
        let ids = record.ids("custom_field_value_ids");
        let mut values = ids.iter().filter_map(|id| self.get("custom_field_values", id));
        values.find(|value| value.text("custom_field_id").as_deref() == Some(field))
    }

    /// A text, number or date in a custom field.
    pub(crate) fn custom_text(&self, record: &Record, field: &str) -> Option<String> {
        self.custom(record, field)?.text("value")
    }

    /// The label of the choice in a custom field.
    pub(crate) fn custom_label(&self, record: &Record, field: &str) -> Option<String> {
        let value = self.custom(record, field)?;
        value
            .text("display_value")
            .filter(|_| !value.ids("value").is_empty())
    }

    /// External references of a record: service name, reference and status.
    pub(crate) fn references(&self, record: &Record) -> Vec<(String, String, String)> {
        let ids = record.ids("external_reference_ids");
        let references = ids.iter().filter_map(|id| self.get("external_references", id));
        references
            .filter_map(|r| {
                Some((
                    r.text("service_name")?,
                    r.text("service_model_ref")?,
                    r.text("status").unwrap_or_default(),
                ))
            })
            .collect()
    }
}

/// One entry of `errors`; older parts of the API give bare texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) message: String,
    pub(crate) field: Option<String>,
    pub(crate) index: Option<usize>,
}

impl From<&Value> for Refused {
    fn from(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(plain);
        Self {
            message: plain(value).or_else(|| text("message")).unwrap_or_default(),
            field: text("field"),
            index: text("index").and_then(|index| index.parse().ok()),
        }
    }
}

/// The entries of a refusal's body; a body without any is no refusal in the vendor's form.
pub(crate) fn refusals(body: &[u8]) -> Vec<Refused> {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let errors = body.get("errors").and_then(Value::as_array);
    let errors: Vec<Refused> = errors.into_iter().flatten().map(Refused::from).collect();
    if !errors.is_empty() {
        return errors;
    }
    let message = body.get("error_message").and_then(plain);
    message
        .into_iter()
        .map(|message| Refused {
            message,
            ..Refused::default()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_results_say_what_was_found() {
        let text = r#"{"count": 1, "results": [{"key": "stories", "id": 7}],
            "stories": {"7": {"id": "7", "parent_id": 6, "due_date": ""}, "6": {"id": "6"}}, "meta": {"count": 1}}"#;
        let envelope: Envelope = serde_json::from_str(text).unwrap();
        assert_eq!(envelope.results, ["7"]);
        let story = envelope.found("stories", "7").unwrap();
        assert_eq!(story.text("parent_id").as_deref(), Some("6"));
        assert_eq!(story.date("due_date").unwrap(), None);
        assert!(envelope.follow(story, "parent_id", "stories").is_some());
        assert!(serde_json::from_str::<Envelope>("{}").is_err());
    }

    #[test]
    fn refusals_are_read_in_every_form() {
        let objects = refusals(br#"{"errors":[{"type":"validation","message":"m","field":"f","index":1}]}"#);
        assert_eq!(
            (objects[0].field.as_deref(), objects[0].index),
            (Some("f"), Some(1))
        );
        assert_eq!(refusals(br#"{"errors":["plain"]}"#)[0].message, "plain");
        assert_eq!(refusals(br#"{"error_message":"old"}"#)[0].message, "old");
        assert_eq!(refusals(b"Retry later"), []);
    }
}
