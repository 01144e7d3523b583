//! The record service: create, read, update, upsert, delete, transform, by the address of the request.
//!
//! Each request is one transaction of the store. What a record may say is decided in `input` (form) and `rules`
//! (meaning); lists are in `collection`, asynchronous requests in `jobs`.

use serde_json::{Map, Value, json};

use super::NetSuite;
use super::call::{Call, Reply};
use super::collection;
use super::errors::{Answer, Refusal};
use super::input::{Reader, merge};
use super::output::{Show, Writer, line_key};
use super::references::{View, number};
use super::rules;
use super::schema::{Kind, RecordType};
use super::{metadata, options};
use crate::store::{Fields, Record, Tables, Transaction};

/// Prefix of record addresses.
pub(super) const RECORD_PATH: &str = "/services/rest/record/v1";

impl NetSuite {
    pub(super) fn view<'a>(&'a self, tables: &'a Tables) -> View<'a> {
        View {
            schema: &self.schema,
            external: &self.external,
            tables,
        }
    }

    /// The record type that an address names, if the role may see it.
    pub(super) fn record_type(&self, name: &str) -> Answer<&RecordType> {
        let record = self.schema.get(name).ok_or_else(|| Refusal::no_type(name))?;
        if self
            .settings
            .denied_types
            .iter()
            .any(|t| t.eq_ignore_ascii_case(&record.name))
        {
            return Err(Refusal::forbidden(&record.name));
        }
        Ok(record)
    }

    /// Carries out one request on one record or collection inside a transaction.
    pub(super) fn execute(&self, tx: &mut Transaction<'_>, call: &Call) -> Answer<Reply> {
        let segments = call.segments(RECORD_PATH);
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        if call.wanted().as_deref() == Some("select-options") {
            return options::select_options(self, tx.tables(), call, &parts);
        }
        match (call.method.as_str(), parts.as_slice()) {
            ("GET", _) => self.read(tx.tables(), call, &parts),
            ("POST", [record]) => {
                let record = self.record_type(record)?;
                let (id, warnings) = self.create(tx, call, record, &call.json()?, None)?;
                Ok(written(call, record, &id, warnings))
            }
            ("POST", [record, key, "!transform", target]) => self.transform(tx, call, record, key, target),
            ("PATCH", [record, key]) => {
                let record = self.record_type(record)?;
                let id = self.find(tx.tables(), record, key)?.id.clone();
                let warnings = self.update(tx, call, record, &id, &call.json()?)?;
                Ok(written(call, record, &id, warnings))
            }
            ("PUT", [record, key]) => self.upsert(tx, call, self.record_type(record)?, key),
            ("DELETE", [record, key]) => {
                let record = self.record_type(record)?;
                self.delete(tx, record, key)?;
                Ok(Reply::empty(None))
            }
            (method, [_] | [_, _]) => Err(Refusal::wrong_method(method)),
            _ => Err(Refusal::no_resource(&call.path)),
        }
    }

    fn find<'a>(&self, tables: &'a Tables, record: &RecordType, key: &str) -> Answer<&'a Record> {
        let view = View {
            schema: &self.schema,
            external: &self.external,
            tables,
        };
        let found = match key.strip_prefix("eid:") {
            Some("") => {
                return Err(Refusal::invalid_content(
                    "The externalId of the record is missing.",
                    "externalId",
                ));
            }
            _ => view.by_key(&record.name, key).map(|r| r.id.clone()),
        };
        found
            .and_then(|id| tables.get(&record.name, &id))
            .ok_or_else(Refusal::no_record)
    }

    fn read(&self, tables: &Tables, call: &Call, parts: &[&str]) -> Answer<Reply> {
        match parts {
            ["metadata-catalog"] => metadata::catalogue(self, call),
            ["metadata-catalog", record] => metadata::one(self, call, record),
            [record] => collection::list(self, tables, call, self.record_type(record)?),
            [record, key] => {
                let record = self.record_type(record)?;
                let row = self.find(tables, record, key)?;
                let show = Show::of(call);
                if show.everything && !show.fields.is_empty() {
                    return Err(Refusal::invalid_parameter(
                        "fields",
                        "The query parameters 'fields' and 'expandSubResources' cannot be used together.",
                    ));
                }
                if let Some(bad) = show.fields.iter().find(|f| !known_field(record, f)) {
                    return Err(Refusal::invalid_parameter(
                        "fields",
                        format!("Unknown field '{bad}'."),
                    ));
                }
                let writer = Writer {
                    view: self.view(tables),
                    call,
                    show,
                };
                Ok(Reply::body(200, "singular", writer.record(record, row)))
            }
            [record, key, sublist] => self.read_sublist(tables, call, record, key, sublist, None),
            [record, key, sublist, line] => self.read_sublist(tables, call, record, key, sublist, Some(line)),
            _ => Err(Refusal::no_resource(&call.path)),
        }
    }

    fn read_sublist(
        &self,
        tables: &Tables,
        call: &Call,
        record: &str,
        key: &str,
        sublist: &str,
        line: Option<&str>,
    ) -> Answer<Reply> {
        let record = self.record_type(record)?;
        let row = self.find(tables, record, key)?;
        let Some(Kind::Sublist(shape)) = record.shape.fields.get(sublist).map(|f| &f.kind) else {
            return Err(Refusal::no_resource(&call.path));
        };
        let writer = Writer {
            view: self.view(tables),
            call,
            show: Show::default(),
        };
        let href = format!("{}/{sublist}", call.record_href(&record.name, &row.id));
        let items = writer.lines(record, shape, row.fields.get(sublist), &href);
        let Some(line) = line else {
            let body = json!({
                "links": [{ "rel": "self", "href": href }], "count": items.len(), "hasMore": false, "offset": 0,
                "totalResults": items.len(), "items": items,
            });
            return Ok(Reply::body(200, "collection", body));
        };
        let shape = record.sub_shape(shape).ok_or_else(Refusal::no_record)?;
        let rows = row
            .get(sublist)
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_object);
        let at = rows
            .enumerate()
            .position(|(at, fields)| line_key(shape, at, fields) == line);
        let item = at
            .and_then(|at| items.into_iter().nth(at))
            .ok_or_else(Refusal::no_record)?;
        Ok(Reply::body(200, "singular", item))
    }

    /// Creates a record from a body; `external_id` is what the address said.
    pub(super) fn create(
        &self,
        tx: &mut Transaction<'_>,
        call: &Call,
        record: &RecordType,
        body: &Value,
        external_id: Option<&str>,
    ) -> Answer<(String, Vec<String>)> {
        let mut reader = Reader::new(self.view(tx.tables()), &self.settings, call)?;
        let mut given = reader.record(record, body)?;
        let warnings = std::mem::take(&mut reader.warnings);
        if let Some(external) = external_id {
            let named = reader.record(record, &json!({ "externalId": external }))?;
            for (name, value) in named {
                given.entry(name).or_insert(value);
            }
        }
        let mut fields = merge(record, &Fields::new(), given, &[]);
        let id = self.next_id(tx, record);
        self.check_external_id(tx.tables(), record, &id, &fields)?;
        let mut write = rules::Write { twin: self, tx };
        rules::before(&mut write, record, &id, None, &mut fields)?;
        write.tx.create(&record.name, id.clone(), fields.clone());
        self.external.note(&record.name, &fields, &id);
        rules::after(&mut write, record, &id, None, &fields)?;
        Ok((id, warnings))
    }

    /// The next internal id of a type; records of the seed have the low numbers.
    pub(super) fn next_id(&self, tx: &mut Transaction<'_>, record: &RecordType) -> String {
        let floor = match record.sequence.as_str() {
            "entity" => 1000,
            "transaction" => 5000,
            "activity" => 300,
            "time" => 20_000,
            _ => 200,
        };
        (floor + tx.next(&record.sequence)).to_string()
    }

    /// Changes a record as PATCH does.
    pub(super) fn update(
        &self,
        tx: &mut Transaction<'_>,
        call: &Call,
        record: &RecordType,
        id: &str,
        body: &Value,
    ) -> Answer<Vec<String>> {
        let mut reader = Reader::new(self.view(tx.tables()), &self.settings, call)?;
        let mut given = reader.record(record, body)?;
        let warnings = std::mem::take(&mut reader.warnings);
        let replace = call.list("replace");
        if call.is_set("replaceSelectedFields") {
            let kept = |name: &String, value: &Value| !value.is_null() || replace.contains(name);
            given.retain(|name, value| kept(name, value));
        }
        let old = self.find(tx.tables(), record, id)?.fields.clone();
        let mut fields = merge(record, &old, given, &replace);
        self.check_external_id(tx.tables(), record, id, &fields)?;
        self.save(tx, record, id, &old, &mut fields)?;
        Ok(warnings)
    }

    /// Checks and stores the new state of a record.
    pub(super) fn save(
        &self,
        tx: &mut Transaction<'_>,
        record: &RecordType,
        id: &str,
        old: &Fields,
        fields: &mut Fields,
    ) -> Answer<()> {
        let mut write = rules::Write { twin: self, tx };
        rules::before(&mut write, record, id, Some(old), fields)?;
        write.tx.update(&record.name, id, changes(old, fields));
        self.external.note(&record.name, fields, id);
        rules::after(&mut write, record, id, Some(old), fields)
    }

    fn upsert(&self, tx: &mut Transaction<'_>, call: &Call, record: &RecordType, key: &str) -> Answer<Reply> {
        let body = call.json()?;
        let existing = self.find(tx.tables(), record, key).map(|r| r.id.clone());
        let (id, warnings) = match (existing, key.strip_prefix("eid:")) {
            (Ok(id), _) => {
                let warnings = self.update(tx, call, record, &id, &body)?;
                (id, warnings)
            }
            (Err(refusal), external) => match external.filter(|e| !e.is_empty()) {
                Some(external) => self.create(tx, call, record, &body, Some(external.trim_matches('\'')))?,
                None => return Err(refusal),
            },
        };
        Ok(written(call, record, &id, warnings))
    }

    fn delete(&self, tx: &mut Transaction<'_>, record: &RecordType, key: &str) -> Answer<()> {
        let row = self.find(tx.tables(), record, key)?.clone();
        let mut write = rules::Write { twin: self, tx };
        rules::before_delete(&mut write, record, &row)?;
        if is_referred_to(self.view(write.tx.tables()), record, &row.id) {
            return Err(Refusal::user_error(
                "This record cannot be deleted because it has dependent records.",
            ));
        }
        write.tx.delete(&record.name, &row.id);
        rules::after_delete(&mut write, record, &row)
    }

    pub(super) fn check_external_id(
        &self,
        tables: &Tables,
        record: &RecordType,
        id: &str,
        fields: &Fields,
    ) -> Answer<()> {
        let external = super::value::text_of(fields, "externalId");
        let other = external.and_then(|e| self.view(tables).by_external_id(&record.name, e));
        match other {
            Some(other) if other.id != id => Err(Refusal::user_error("This record already exists")),
            _ => Ok(()),
        }
    }
}

/// The answer to a successful write.
pub(super) fn written(call: &Call, record: &RecordType, id: &str, warnings: Vec<String>) -> Reply {
    Reply {
        warnings,
        ..Reply::empty(Some(call.record_href(&record.name, id)))
    }
}

/// What the store must be told to get from one state to the next.
pub(super) fn changes(old: &Fields, new: &Fields) -> Fields {
    let mut changes = Map::new();
    for (name, value) in new {
        if old.get(name) != Some(value) {
            changes.insert(name.clone(), value.clone());
        }
    }
    for (name, value) in old {
        if !new.contains_key(name) && !value.is_null() {
            changes.insert(name.clone(), Value::Null);
        }
    }
    changes
}

fn known_field(record: &RecordType, field: &str) -> bool {
    record.shape.fields.contains_key(field)
        || ["id", "externalId", "refName", "lastModifiedDate"].contains(&field)
}

/// Whether any live record has a reference to this one.
fn is_referred_to(view: View<'_>, record: &RecordType, id: &str) -> bool {
    let refers = |kind: &Kind| matches!(kind, Kind::Reference(types) if types.contains(&record.name));
    view.schema
        .types()
        .filter(|t| t.name != "customerSubsidiaryRelationship")
        .any(|other| {
            let head: Vec<&String> = other
                .shape
                .fields
                .iter()
                .filter(|(_, f)| refers(&f.kind))
                .map(|(n, _)| n)
                .collect();
            let lines: Vec<(&str, Vec<&String>)> = other
                .sublist_fields()
                .filter_map(|(name, shape)| {
                    let fields = &other.sub_shape(shape)?.fields;
                    let names: Vec<&String> = fields
                        .iter()
                        .filter(|(_, f)| refers(&f.kind))
                        .map(|(n, _)| n)
                        .collect();
                    (!names.is_empty()).then_some((name, names))
                })
                .collect();
            if head.is_empty() && lines.is_empty() {
                return false;
            }
            view.tables.rows(&other.name).any(|row| {
                let in_head = head.iter().any(|f| row.text(f) == Some(id));
                let in_lines = || {
                    lines.iter().any(|(sublist, fields)| {
                        let rows = row.get(sublist).as_array().into_iter().flatten();
                        rows.into_iter().any(|line| {
                            fields
                                .iter()
                                .any(|f| line.get(f.as_str()).and_then(Value::as_str) == Some(id))
                        })
                    })
                };
                number(&row.id) != u64::MAX
                    && (in_head || in_lines())
                    && !(other.name == record.name && row.id == id)
            })
        })
}
