//! From a request body to the stored form of a record: names, kinds, references, lengths, sublists.
//!
//! Business rules are not here: this is what NetSuite refuses before it looks at the meaning of a record.

use serde_json::{Map, Value};

use super::call::Call;
use super::errors::{Answer, Refusal};
use super::references::{Named, View, named};
use super::schema::{Field, Kind, RecordType, Shape};
use super::settings::NetSuiteSettings;
use super::value::{date, decimal, instant, minutes, stored};
use crate::store::Fields;

/// What to do about a property that does not fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Error,
    Warning,
    Ignore,
}

/// Properties that every representation carries and no body can set.
const SYSTEM: [&str; 7] = [
    "id",
    "links",
    "refName",
    "lastModifiedDate",
    "customForm",
    "totalResults",
    "items",
];

/// Reads bodies of one request.
pub(super) struct Reader<'a> {
    view: View<'a>,
    settings: &'a NetSuiteSettings,
    names: Strictness,
    values: Strictness,
    /// What was let through with a warning.
    pub(super) warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    /// A reader as strict as the call asks for.
    pub(super) fn new(view: View<'a>, settings: &'a NetSuiteSettings, call: &Call) -> Answer<Self> {
        let names = strictness(
            call.name_validation.as_deref(),
            Strictness::Warning,
            "X-NetSuite-PropertyNameValidation",
        )?;
        let values = strictness(
            call.value_validation.as_deref(),
            Strictness::Error,
            "X-NetSuite-PropertyValueValidation",
        )?;
        Ok(Self {
            view,
            settings,
            names,
            values,
            warnings: Vec::new(),
        })
    }

    /// Reads the body of a record: the given properties in stored form, `null` for those to clear.
    pub(super) fn record(&mut self, record: &RecordType, body: &Value) -> Answer<Fields> {
        let Value::Object(body) = body else {
            return Err(Refusal::invalid_request(
                "Invalid content in the request body: a JSON object is expected.",
            ));
        };
        let mut fields = self.shape(record, &record.shape, body, "")?;
        if let Some(external) = body.get("externalId") {
            fields.insert("externalId".to_owned(), self.external_id(external)?);
        }
        Ok(fields)
    }

    fn external_id(&self, value: &Value) -> Answer<Value> {
        match value {
            Value::Null => Ok(Value::Null),
            Value::String(text) => {
                self.length("externalId", text, "externalId")?;
                let good = !text.is_empty()
                    && text
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "_- ".contains(c));
                if good {
                    Ok(value.clone())
                } else {
                    Err(Refusal::invalid_value(text, "externalId", "externalId"))
                }
            }
            Value::Number(n) => Ok(Value::String(n.to_string())),
            other => Err(Refusal::invalid_value(
                &other.to_string(),
                "externalId",
                "externalId",
            )),
        }
    }

    fn shape(
        &mut self,
        record: &RecordType,
        shape: &Shape,
        body: &Map<String, Value>,
        at: &str,
    ) -> Answer<Fields> {
        let mut fields = Fields::new();
        for (name, value) in body {
            let path = if at.is_empty() {
                name.clone()
            } else {
                format!("{at}.{name}")
            };
            let Some(field) = shape.fields.get(name) else {
                if name != "externalId" && !SYSTEM.contains(&name.as_str()) {
                    self.unknown(name, &path)?;
                }
                continue;
            };
            if field.read_only {
                continue;
            }
            match self.value(record, name, field, value, &path) {
                Ok(value) => {
                    fields.insert(name.clone(), value);
                }
                Err(refusal) if refusal.code == "INVALID_CONTENT" && self.values != Strictness::Error => {
                    if self.values == Strictness::Warning {
                        self.warnings.push(refusal.detail);
                    }
                }
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(fields)
    }

    fn unknown(&mut self, name: &str, path: &str) -> Answer<()> {
        let text = format!("Unknown property '{name}'");
        match self.names {
            Strictness::Error => {
                return Err(Refusal::invalid_content(
                    format!("Error while accessing resource: {text}."),
                    path,
                ));
            }
            Strictness::Warning => self.warnings.push(text),
            Strictness::Ignore => {}
        }
        Ok(())
    }

    fn value(
        &mut self,
        record: &RecordType,
        name: &str,
        field: &Field,
        value: &Value,
        path: &str,
    ) -> Answer<Value> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let bad = || {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Refusal::invalid_value(&shown, name, path)
        };
        match &field.kind {
            Kind::Text => {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Number(n) => n.to_string(),
                    _ => return Err(bad()),
                };
                self.length(name, &text, path)?;
                Ok(Value::String(text))
            }
            Kind::Bool => value.as_bool().map(Value::Bool).ok_or_else(bad),
            Kind::Number => decimal(value).map(stored).ok_or_else(bad),
            Kind::Integer => {
                let number = named(value).and_then(|n| match n {
                    Named::Id(id) => id.parse::<i64>().ok(),
                    _ => None,
                });
                number.map(Value::from).ok_or_else(bad)
            }
            Kind::Date => {
                let day = value.as_str().and_then(date).ok_or_else(bad)?;
                Ok(Value::String(day.to_string()))
            }
            Kind::DateTime => {
                let time = value
                    .as_str()
                    .and_then(|t| chrono::DateTime::parse_from_rfc3339(t).ok())
                    .ok_or_else(bad)?;
                Ok(Value::String(instant(time.to_utc())))
            }
            Kind::Hours => {
                let text = value.as_str().filter(|t| minutes(t).is_some()).ok_or_else(bad)?;
                Ok(Value::String(text.trim().to_owned()))
            }
            Kind::Enumeration => {
                let id = match named(value) {
                    Some(Named::Id(id)) if field.options.contains_key(&id) => Some(id),
                    Some(Named::Name(name)) => field
                        .options
                        .iter()
                        .find(|(_, label)| label.as_str() == name)
                        .map(|(id, _)| id.clone()),
                    _ => None,
                };
                id.map(Value::String)
                    .ok_or_else(|| self.bad_reference(value, name, path))
            }
            Kind::Country => match named(value) {
                Some(Named::Id(id)) if id.len() == 2 && id.bytes().all(|b| b.is_ascii_uppercase()) => {
                    Ok(Value::String(id))
                }
                _ => Err(self.bad_reference(value, name, path)),
            },
            Kind::Reference(types) => self.reference(types, name, value, path),
            Kind::Sublist(shape) => self.lines(record, shape, value, path),
            Kind::Subrecord(shape) => {
                let (Some(shape), Some(body)) = (record.sub_shape(shape), value.as_object()) else {
                    return Err(bad());
                };
                Ok(Value::Object(self.shape(record, shape, body, path)?))
            }
        }
    }

    fn reference(&self, types: &[String], name: &str, value: &Value, path: &str) -> Answer<Value> {
        let found = match named(value) {
            Some(Named::Id(id)) if types.is_empty() || self.view.type_of(types, &id).is_some() => Some(id),
            Some(Named::External(external)) => types
                .iter()
                .find_map(|t| self.view.by_external_id(t, external))
                .map(|r| r.id.clone()),
            Some(Named::Name(label)) => self.view.by_name(types, label),
            _ => None,
        };
        found
            .map(Value::String)
            .ok_or_else(|| self.bad_reference(value, name, path))
    }

    fn bad_reference(&self, value: &Value, name: &str, path: &str) -> Refusal {
        let shown = match named(value) {
            Some(Named::Id(id)) => id,
            Some(Named::External(text) | Named::Name(text)) => text.to_owned(),
            None => value.to_string(),
        };
        Refusal::invalid_value(&shown, name, path)
    }

    fn lines(&mut self, record: &RecordType, shape: &str, value: &Value, path: &str) -> Answer<Value> {
        let items = value.get("items").and_then(Value::as_array);
        let (Some(shape), Some(items)) = (record.sub_shape(shape), items) else {
            return Err(Refusal::invalid_content(
                format!(
                    "Error while accessing resource: the sublist '{path}' must be an object with an 'items' array."
                ),
                path,
            ));
        };
        let mut lines = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}.items[{at}]");
            let Value::Object(body) = item else {
                return Err(Refusal::invalid_content(
                    "Error while accessing resource: a sublist item must be an object.",
                    &path,
                ));
            };
            lines.push(Value::Object(self.shape(record, shape, body, &path)?));
        }
        Ok(Value::Array(lines))
    }

    fn length(&self, name: &str, text: &str, path: &str) -> Answer<()> {
        match self.settings.max_lengths.get(name) {
            Some(most) if text.chars().count() > *most => Err(Refusal::user_error(format!(
                "The field {name} contained more than the maximum number ( {most} ) of characters allowed."
            ))
            .at(super::errors::Place::Path(path.to_owned()))),
            _ => Ok(()),
        }
    }
}

fn strictness(header: Option<&str>, default: Strictness, name: &str) -> Answer<Strictness> {
    match header.map(str::to_lowercase).as_deref() {
        None => Ok(default),
        Some("error") => Ok(Strictness::Error),
        Some("warning") => Ok(Strictness::Warning),
        Some("ignore") => Ok(Strictness::Ignore),
        Some(other) => Err(Refusal::invalid_request(format!(
            "Invalid value '{other}' of the header {name}."
        ))
        .at(super::errors::Place::Header(name.to_owned()))),
    }
}

/// Lays the given properties over a record as PATCH does; sublists in `replace` are taken over whole.
pub(super) fn merge(record: &RecordType, old: &Fields, given: Fields, replace: &[String]) -> Fields {
    let mut merged = old.clone();
    merged.retain(|_, v| !v.is_null());
    for (name, value) in given {
        if value.is_null() {
            merged.remove(&name);
            continue;
        }
        let kind = record.shape.fields.get(&name).map(|f| &f.kind);
        let value = match (kind, value) {
            (Some(Kind::Sublist(shape)), Value::Array(lines)) => {
                let before = merged
                    .get(&name)
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default();
                let before = if replace.contains(&name) {
                    Vec::new()
                } else {
                    before
                };
                Value::Array(merge_lines(record.sub_shape(shape), before, lines))
            }
            (Some(Kind::Subrecord(_)), Value::Object(fields)) => {
                let mut before = merged
                    .get(&name)
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default();
                before.extend(fields);
                Value::Object(before)
            }
            (_, value) => value,
        };
        merged.insert(name, value);
    }
    merged
}

fn merge_lines(shape: Option<&Shape>, before: Vec<Value>, given: Vec<Value>) -> Vec<Value> {
    let Some(shape) = shape else { return given };
    let mut lines = before;
    for line in given {
        let Value::Object(line) = line else { continue };
        let same = |other: &Value| {
            !shape.key.is_empty()
                && shape.key.iter().all(|k| {
                    line.get(k)
                        .is_some_and(|v| !v.is_null() && other.get(k) == Some(v))
                })
        };
        if let Some(Value::Object(known)) = lines.iter_mut().find(|l| same(l)) {
            for (name, value) in line {
                if value.is_null() {
                    known.remove(&name)
                } else {
                    known.insert(name, value)
                };
            }
        } else {
            lines.push(Value::Object(
                line.into_iter().filter(|(_, v)| !v.is_null()).collect(),
            ));
        }
    }
    number_lines(shape, &mut lines);
    lines
}

/// Gives new lines their numbers.
pub(super) fn number_lines(shape: &Shape, lines: &mut [Value]) {
    let Some(field) = &shape.number else { return };
    let mut last = lines
        .iter()
        .filter_map(|l| l.get(field)?.as_i64())
        .max()
        .unwrap_or(0);
    for line in lines.iter_mut().filter_map(Value::as_object_mut) {
        if !line.contains_key(field) {
            last += 1;
            line.insert(field.clone(), Value::from(last));
        }
    }
}
