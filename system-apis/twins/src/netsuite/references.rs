//! Finding records: by internal id, by external id, by display name; and what a record is called.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::schema::{RecordType, Schema};
use super::value::text_of;
use crate::store::{Fields, Record, Tables};

/// External ids in memory, so that look-ups do not walk tables. An entry is a hint: the record decides.
#[derive(Default)]
pub(super) struct ExternalIds(Mutex<HashMap<String, HashMap<String, String>>>);

impl ExternalIds {
    /// Starts over from what the tables hold.
    pub(super) fn rebuild(&self, tables: &Tables, schema: &Schema) {
        let mut all = HashMap::new();
        for record in schema.types() {
            let ids: HashMap<String, String> = tables
                .rows(&record.name)
                .filter_map(|r| Some((r.text("externalId")?.to_owned(), r.id.clone())))
                .collect();
            all.insert(record.name.clone(), ids);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }

    /// Notes that a record was written.
    pub(super) fn note(&self, record: &str, fields: &Fields, id: &str) {
        if let Some(external) = text_of(fields, "externalId") {
            let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(record.to_owned())
                .or_default()
                .insert(external.to_owned(), id.to_owned());
        }
    }

    fn get(&self, record: &str, external: &str) -> Option<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(record)?.get(external).cloned()
    }
}

/// The account's records as one look at them.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) schema: &'a Schema,
    pub(super) external: &'a ExternalIds,
    pub(super) tables: &'a Tables,
}

impl<'a> View<'a> {
    /// A live record by type and internal id.
    pub(super) fn get(&self, record: &str, id: &str) -> Option<&'a Record> {
        self.tables.get(record, id)
    }

    /// The fields of a live record.
    pub(super) fn fields(&self, record: &str, id: &str) -> Option<&'a Fields> {
        self.get(record, id).map(|r| &r.fields)
    }

    /// The fields of the record that a reference field names.
    pub(super) fn follow(&self, fields: &Fields, field: &str, record: &str) -> Option<&'a Fields> {
        self.fields(record, text_of(fields, field)?)
    }

    /// A live record by external id.
    pub(super) fn by_external_id(&self, record: &str, external: &str) -> Option<&'a Record> {
        let id = self.external.get(record, external)?;
        self.get(record, &id)
            .filter(|r| r.text("externalId") == Some(external))
    }

    /// A live record by the key of an address: `7` or `eid:ABC`.
    pub(super) fn by_key(&self, record: &str, key: &str) -> Option<&'a Record> {
        match key.strip_prefix("eid:") {
            Some(external) => self.by_external_id(record, external.trim_matches('\'')),
            None => self.get(record, key),
        }
    }

    /// Which of some types has a record of this id.
    pub(super) fn type_of(&self, types: &[String], id: &str) -> Option<&'a RecordType> {
        let name = types.iter().find(|t| self.get(t, id).is_some())?;
        self.schema.get(name)
    }

    /// The id of the record of one of some types that is called so (a currency also by its symbol).
    pub(super) fn by_name(&self, types: &[String], name: &str) -> Option<String> {
        let named = |record: &RecordType, r: &Record| {
            self.name_of(record, r) == name || (record.name == "currency" && r.text("symbol") == Some(name))
        };
        types
            .iter()
            .filter_map(|t| self.schema.get(t))
            .find_map(|record| {
                self.tables
                    .rows(&record.name)
                    .find(|r| named(record, r))
                    .map(|r| r.id.clone())
            })
    }

    /// What a record is called.
    pub(super) fn display(&self, record: &RecordType, id: &str) -> String {
        self.tables
            .get_any(&record.name, id)
            .map_or_else(|| id.to_owned(), |r| self.name_of(record, r))
    }

    fn name_of(&self, record: &RecordType, row: &Record) -> String {
        let words: Vec<&str> = record.display.iter().filter_map(|f| row.text(f)).collect();
        let name = if words.is_empty() {
            row.id.clone()
        } else {
            words.join(" ")
        };
        if record.is_transaction() {
            return format!("{} #{name}", record.title);
        }
        let above = record.qualifier.as_deref().and_then(|field| {
            let field_kind = &record.shape.fields.get(field)?.kind;
            let super::schema::Kind::Reference(types) = field_kind else {
                return None;
            };
            let id = row.text(field)?;
            Some(self.display(self.type_of(types, id)?, id))
        });
        if let Some(above) = above {
            return format!("{above} : {name}");
        }
        if record.name == "resourceAllocation" {
            return self
                .schema
                .get("employee")
                .map_or(name.clone(), |e| self.display(e, &name));
        }
        name
    }
}

/// Live records in the order of their numbers.
pub(super) fn in_order<'a>(tables: &'a Tables, record: &str) -> Vec<&'a Record> {
    let mut rows: Vec<&Record> = tables.rows(record).collect();
    rows.sort_by_key(|r| number(&r.id));
    rows
}

/// An id as a number, to sort by.
pub(super) fn number(id: &str) -> u64 {
    id.parse().unwrap_or(u64::MAX)
}

/// A reference in the body: by id, by external id or by name.
pub(super) enum Named<'a> {
    Id(String),
    External(&'a str),
    Name(&'a str),
}

/// Reads the forms in which clients write references.
pub(super) fn named(value: &Value) -> Option<Named<'_>> {
    let id = |v: &Value| match v {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    };
    let Value::Object(object) = value else {
        return id(value).map(Named::Id);
    };
    if let Some(id) = object.get("id").and_then(id) {
        return Some(Named::Id(id));
    }
    if let Some(external) = object.get("externalId").and_then(Value::as_str) {
        return Some(Named::External(external));
    }
    object.get("refName").and_then(Value::as_str).map(Named::Name)
}
