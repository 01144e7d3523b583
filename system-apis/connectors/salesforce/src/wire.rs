//! Salesforce's shapes, as far as we use them.
//!
//! Records have the fields that settings name, so they are maps of raw JSON: a number's text is read as a decimal
//! without a binary fraction in between, and written the same way.

use std::collections::{BTreeMap, HashMap};

use canonical_model::{Failure, Result};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::settings::FieldName;

/// One record of an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Record(HashMap<String, Box<RawValue>>);

/// One page of a query's answer, and of the children inside a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueryPage {
    pub(crate) total_size: usize,
    pub(crate) done: bool,
    #[serde(default)]
    pub(crate) next_records_url: Option<String>,
    pub(crate) records: Vec<Record>,
}

impl Record {
    /// A field that is there and not null. A path such as `Account.Name` goes through parents.
    fn raw(&self, path: &str) -> Result<Option<Box<RawValue>>> {
        let (name, rest) = path
            .split_once('.')
            .map_or((path, None), |(name, rest)| (name, Some(rest)));
        let Some(raw) = self.0.get(name) else {
            let message = format!("Salesforce left out {path} of record {}", self.id_for_messages());
            return Err(Failure::fault("field_missing_in_answer", message));
        };
        if raw.get() == "null" {
            return Ok(None);
        }
        match rest {
            None => Ok(Some(raw.clone())),
            Some(rest) => self.decoded::<Record>(path, raw)?.raw(rest),
        }
    }

    fn decoded<T: DeserializeOwned>(&self, path: &str, raw: &RawValue) -> Result<T> {
        serde_json::from_str(raw.get()).map_err(|error| {
            let message = format!(
                "Salesforce's {path} of record {} has a form we do not know",
                self.id_for_messages()
            );
            Failure::fault("unexpected_value", message).with_detail(error.to_string())
        })
    }

    fn id_for_messages(&self) -> String {
        let id = self
            .0
            .get("Id")
            .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        id.unwrap_or_else(|| "(without id)".to_owned())
    }

    /// A value of any JSON type.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        self.raw(path)?.map(|raw| self.decoded(path, &raw)).transpose()
    }

    /// A value that the record must have.
    pub(crate) fn needed<T>(&self, path: &str, value: Option<T>) -> Result<T> {
        value.ok_or_else(|| {
            let message = format!(
                "record {} in Salesforce has no {path}: fill it in",
                self.id_for_messages()
            );
            Failure::business("incomplete_record", message)
        })
    }

    pub(crate) fn text(&self, path: &str) -> Result<Option<String>> {
        let text: Option<String> = self.get(path)?;
        Ok(text.filter(|text| !text.trim().is_empty()))
    }

    pub(crate) fn flag(&self, path: &str) -> Result<bool> {
        let flag = self.get(path)?;
        self.needed(path, flag)
    }

    pub(crate) fn date(&self, path: &str) -> Result<Option<NaiveDate>> {
        self.get(path)
    }

    /// `2026-05-01T07:25:37.000+0000`.
    pub(crate) fn instant(&self, path: &str) -> Result<DateTime<Utc>> {
        let text: Option<String> = self.get(path)?;
        let text = self.needed(path, text)?;
        DateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f%z")
            .map(|at| at.to_utc())
            .map_err(|error| {
                let message = format!(
                    "Salesforce's {path} of record {} is no instant: {text}",
                    self.id_for_messages()
                );
                Failure::fault("unexpected_value", message).with_detail(error.to_string())
            })
    }

    /// A number exactly as its text says; Salesforce writes large ones as `1.5E7`.
    pub(crate) fn decimal(&self, path: &str) -> Result<Option<Decimal>> {
        let Some(raw) = self.raw(path)? else {
            return Ok(None);
        };
        let text = raw.get();
        let exact = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
        exact.map(|number| Some(number.normalize())).map_err(|error| {
            let message = format!(
                "Salesforce's {path} of record {} is no number: {text}",
                self.id_for_messages()
            );
            Failure::fault("unexpected_value", message).with_detail(error.to_string())
        })
    }

    /// A customer's field by its configured name; nothing where the org has none.
    pub(crate) fn custom<T>(
        &self,
        name: &FieldName,
        read: impl Fn(&Self, &str) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        name.get().map_or(Ok(None), |name| read(self, name))
    }

    pub(crate) fn custom_text(&self, name: &FieldName) -> Result<Option<String>> {
        self.custom(name, Self::text)
    }

    pub(crate) fn custom_date(&self, name: &FieldName) -> Result<Option<NaiveDate>> {
        self.custom(name, Self::date)
    }

    pub(crate) fn custom_decimal(&self, name: &FieldName) -> Result<Option<Decimal>> {
        self.custom(name, Self::decimal)
    }

    /// A field for `extensions`: a number becomes its text, because JSON numbers lose digits.
    pub(crate) fn extension(&self, name: &str) -> Result<Option<serde_json::Value>> {
        let Some(raw) = self.raw(name)? else {
            return Ok(None);
        };
        let text = raw.get();
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '-') {
            return Ok(Some(serde_json::Value::from(text)));
        }
        self.decoded(name, &raw).map(Some)
    }

    pub(crate) fn id(&self) -> Result<String> {
        let id = self.get("Id")?;
        self.needed("Id", id)
    }

    /// Children under a relationship; no children are null.
    pub(crate) fn children(&self, relationship: &str) -> Result<Option<QueryPage>> {
        self.get(relationship)
    }

    /// Replaces the children by the whole list of them.
    pub(crate) fn set_children(&mut self, relationship: &str, raw: Box<RawValue>) {
        self.0.insert(relationship.to_owned(), raw);
    }
}

/// One value to write.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// Empties the field.
    Clear,
    Text(String),
    Number(Decimal),
    Date(NaiveDate),
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Decimal> for Cell {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}

impl From<NaiveDate> for Cell {
    fn from(date: NaiveDate) -> Self {
        Self::Date(date)
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Clear => serializer.serialize_none(),
            Self::Text(text) => text.serialize(serializer),
            Self::Date(date) => date.serialize(serializer),
            Self::Number(number) => {
                let raw = RawValue::from_string(number.normalize().to_string());
                raw.map_err(S::Error::custom)?.serialize(serializer)
            }
        }
    }
}

impl Cell {
    /// As a cell of a bulk job's CSV: there an empty cell means "leave", and `#N/A` means "empty".
    pub(crate) fn csv(&self) -> String {
        match self {
            Self::Clear => "#N/A".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Date(date) => date.to_string(),
            Self::Number(number) => number.normalize().to_string(),
        }
    }
}

/// The fields of one write by API name. What is not in it is left as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Fields(BTreeMap<String, Cell>);

impl Fields {
    pub(crate) fn put(&mut self, name: &str, value: impl Into<Cell>) {
        self.0.insert(name.to_owned(), value.into());
    }

    pub(crate) fn put_some(&mut self, name: &str, value: Option<impl Into<Cell>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// A value for a customer's field. A value without a field to hold it is refused: it would be lost unseen.
    pub(crate) fn put_custom(
        &mut self,
        what: &str,
        name: &FieldName,
        value: Option<impl Into<Cell>>,
    ) -> Result<()> {
        match (value, name.get()) {
            (None, _) => Ok(()),
            (Some(value), Some(name)) => {
                self.put(name, value);
                Ok(())
            }
            (Some(_), None) => {
                let message =
                    format!("{what} cannot be written: this connection's settings name no field for it");
                Err(Failure::fault("field_not_mapped", message))
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Cell)> {
        self.0.iter().map(|(name, cell)| (name.as_str(), cell))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Cell> {
        self.0.get(name)
    }
}

/// One record of a collections call.
pub(crate) struct Row<'a> {
    pub(crate) object: &'a str,
    /// `id`, or the key field, and its value.
    pub(crate) identity: (&'a str, &'a str),
    pub(crate) fields: &'a Fields,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("attributes", &BTreeMap::from([("type", self.object)]))?;
        map.serialize_entry(self.identity.0, self.identity.1)?;
        for (name, cell) in self.fields.iter() {
            map.serialize_entry(name, cell)?;
        }
        map.end()
    }
}

/// Body of a collections call.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Batch<'a> {
    pub(crate) all_or_none: bool,
    pub(crate) records: Vec<Row<'a>>,
}

/// What became of one record of a collections call, and the answer to an upsert.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Saved {
    #[serde(default)]
    pub(crate) id: Option<String>,
    pub(crate) success: bool,
    #[serde(default)]
    pub(crate) created: Option<bool>,
    #[serde(default)]
    pub(crate) errors: Vec<Refusal>,
}

/// One refusal. The code is `errorCode` in single calls and `statusCode` in collections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Refusal {
    #[serde(alias = "errorCode", alias = "statusCode", rename = "code")]
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) fields: Option<Vec<String>>,
}

/// A bulk job.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) state: String,
    #[serde(default)]
    pub(crate) error_message: Option<String>,
}

/// The answer to a sign-in.
#[derive(Deserialize)]
pub(crate) struct Granted {
    pub(crate) access_token: secrecy::SecretString,
    pub(crate) instance_url: String,
    #[serde(default)]
    pub(crate) refresh_token: Option<secrecy::SecretString>,
}

/// A refused sign-in.
#[derive(Debug, Deserialize)]
pub(crate) struct SignInRefusal {
    pub(crate) error: String,
    #[serde(default)]
    pub(crate) error_description: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn amounts_keep_every_digit_both_ways() {
        let text = r#"{"Id":"001","Amount":9007199254740993.17,"Big":1.5E7,"Small":0.10,"Account":{"Total":-3},"None":null}"#;
        let record: Record = serde_json::from_str(text).unwrap();
        let read = |path| record.decimal(path).unwrap();
        assert_eq!(read("Amount"), Some(dec!(9007199254740993.17)));
        assert_eq!(
            (read("Big"), read("Small"), read("Account.Total")),
            (Some(dec!(15000000)), Some(dec!(0.1)), Some(dec!(-3)))
        );
        assert_eq!(read("None"), None);
        assert_eq!(
            record.decimal("Gone").unwrap_err().code,
            "field_missing_in_answer"
        );
        let mut fields = Fields::default();
        fields.put("Amount", dec!(9007199254740993.17));
        let written = serde_json::to_string(&Batch {
            all_or_none: false,
            records: vec![Row {
                object: "X",
                identity: ("id", "1"),
                fields: &fields,
            }],
        });
        let expected = r#"{"allOrNone":false,"records":[{"attributes":{"type":"X"},"id":"1","Amount":9007199254740993.17}]}"#;
        assert_eq!(written.unwrap(), expected);
    }
}
