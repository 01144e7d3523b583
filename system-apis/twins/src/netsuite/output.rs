//! From a stored record to what a reader gets: links, references with names, enumerations, sublists.

use serde_json::{Map, Value, json};

use super::call::Call;
use super::references::View;
use super::rules;
use super::schema::{Field, Kind, RecordType, Shape};
use super::value::{instant, json_number};
use crate::store::{Fields, Record};

/// What of a record a reader wants to see.
#[derive(Default)]
pub(super) struct Show {
    /// All sublists with their lines.
    pub(super) everything: bool,
    /// These sublists with their lines.
    pub(super) expand: Vec<String>,
    /// Only these fields.
    pub(super) fields: Vec<String>,
    /// Enumerations as plain ids.
    pub(super) plain_enumerations: bool,
}

impl Show {
    /// As a call's parameters say.
    pub(super) fn of(call: &Call) -> Self {
        Self {
            everything: call.is_set("expandSubResources"),
            expand: call.list("expand"),
            fields: call.list("fields"),
            plain_enumerations: call.is_set("simpleEnumFormat"),
        }
    }
}

/// Writes records for one call.
pub(super) struct Writer<'a> {
    pub(super) view: View<'a>,
    pub(super) call: &'a Call,
    pub(super) show: Show,
}

impl Writer<'_> {
    /// A whole record.
    pub(super) fn record(&self, record: &RecordType, row: &Record) -> Value {
        let own = self.call.record_href(&record.name, &row.id);
        let mut body = Map::new();
        body.insert("links".to_owned(), json!([{ "rel": "self", "href": own }]));
        body.insert("id".to_owned(), json!(row.id));
        let mut fields = row.fields.clone();
        fields.extend(rules::derived(self.view, record, row));
        for stamp in ["dateCreated", "createdDate"] {
            if record.shape.fields.contains_key(stamp) {
                fields.insert(stamp.to_owned(), json!(instant(row.created_at)));
            }
        }
        self.fill(&mut body, record, &record.shape, &fields, &own);
        for (name, value) in [
            (
                "externalId",
                fields.get("externalId").cloned().unwrap_or(Value::Null),
            ),
            ("refName", json!(self.view.display(record, &row.id))),
            ("lastModifiedDate", json!(instant(row.changed_at))),
        ] {
            if !value.is_null() && self.wants(name) {
                body.insert(name.to_owned(), value);
            }
        }
        Value::Object(body)
    }

    fn wants(&self, field: &str) -> bool {
        self.show.fields.is_empty() || self.show.fields.iter().any(|f| f == field)
    }

    fn fill(
        &self,
        body: &mut Map<String, Value>,
        record: &RecordType,
        shape: &Shape,
        fields: &Fields,
        own: &str,
    ) {
        for (name, field) in &shape.fields {
            if !self.wants(name) {
                continue;
            }
            if let Kind::Sublist(shape) = &field.kind {
                body.insert(name.clone(), self.sublist(record, name, shape, fields, own));
            } else if let Some(value) = fields.get(name).filter(|v| !v.is_null()) {
                body.insert(name.clone(), self.value(record, field, value));
            }
        }
    }

    fn sublist(&self, record: &RecordType, name: &str, shape: &str, fields: &Fields, own: &str) -> Value {
        let href = format!("{own}/{name}");
        if !self.show.everything && !self.show.expand.iter().any(|e| e == name) {
            return json!({ "links": [{ "rel": "self", "href": href }] });
        }
        let items = self.lines(record, shape, fields.get(name), &href);
        json!({ "links": [{ "rel": "self", "href": href }], "totalResults": items.len(), "items": items })
    }

    /// The lines of a sublist.
    pub(super) fn lines(
        &self,
        record: &RecordType,
        shape: &str,
        lines: Option<&Value>,
        href: &str,
    ) -> Vec<Value> {
        let Some(shape) = record.sub_shape(shape) else {
            return Vec::new();
        };
        let lines = lines
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_object);
        lines
            .enumerate()
            .map(|(at, line)| self.line(record, shape, at, line, href))
            .collect()
    }

    fn line(&self, record: &RecordType, shape: &Shape, at: usize, line: &Fields, href: &str) -> Value {
        let mut body = Map::new();
        body.insert(
            "links".to_owned(),
            json!([{ "rel": "self", "href": format!("{href}/{}", line_key(shape, at, line)) }]),
        );
        for (name, field) in &shape.fields {
            if let Some(value) = line.get(name).filter(|v| !v.is_null()) {
                body.insert(name.clone(), self.value(record, field, value));
            }
        }
        Value::Object(body)
    }

    fn value(&self, record: &RecordType, field: &Field, value: &Value) -> Value {
        let text = value.as_str().unwrap_or_default();
        match &field.kind {
            Kind::Number => json_number(value),
            Kind::Enumeration | Kind::Country if self.show.plain_enumerations => value.clone(),
            Kind::Enumeration => {
                json!({ "id": text, "refName": field.options.get(text).map_or(text, String::as_str) })
            }
            Kind::Country => json!({ "id": text, "refName": country(text) }),
            Kind::Reference(types) => self.reference(types, text),
            Kind::Subrecord(shape) => {
                let mut body = Map::new();
                body.insert("links".to_owned(), json!([]));
                if let (Some(shape), Some(fields)) = (record.sub_shape(shape), value.as_object()) {
                    let everything = Writer {
                        view: self.view,
                        call: self.call,
                        show: Show::default(),
                    };
                    everything.fill(&mut body, record, shape, fields, "");
                }
                Value::Object(body)
            }
            _ => value.clone(),
        }
    }

    /// A reference as readers see it.
    pub(super) fn reference(&self, types: &[String], id: &str) -> Value {
        let Some(target) = self.view.type_of(types, id) else {
            return json!({ "links": [], "id": id, "refName": id });
        };
        let mut body = Map::new();
        body.insert(
            "links".to_owned(),
            json!([{ "rel": "self", "href": self.call.record_href(&target.name, id) }]),
        );
        body.insert("id".to_owned(), json!(id));
        body.insert("refName".to_owned(), json!(self.view.display(target, id)));
        if let Some(external) = self.view.get(&target.name, id).and_then(|r| r.text("externalId")) {
            body.insert("externalId".to_owned(), json!(external));
        }
        Value::Object(body)
    }
}

/// What stands for a line in its address.
pub(super) fn line_key(shape: &Shape, at: usize, line: &Fields) -> String {
    let key = shape
        .number
        .as_ref()
        .or_else(|| shape.key.first())
        .and_then(|k| line.get(k));
    match key {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => (at + 1).to_string(),
    }
}

fn country(code: &str) -> &str {
    match code {
        "US" => "United States",
        "GB" => "United Kingdom",
        "DE" => "Germany",
        "FR" => "France",
        "NL" => "Netherlands",
        "CH" => "Switzerland",
        "AT" => "Austria",
        "IE" => "Ireland",
        "CA" => "Canada",
        other => other,
    }
}
