//! A record as its reader gets it.

use chrono::DateTime;
use serde_json::{Map, Value};

use super::call::{View, stamp, workspace_of};
use super::schema::{Collection, Field, Kind};
use super::{computed, include};
use crate::store::Record;

/// What the reader asked for beyond the plain record.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) includes: Vec<String>,
    pub(super) optional: Vec<String>,
}

/// The record without what its reader may not see.
pub(super) fn record(view: View<'_>, collection: &Collection, record: &Record, asked: &Asked) -> Value {
    let workspace = workspace_of(collection, record);
    let mut shown = Map::new();
    for (name, field) in &collection.fields {
        let wanted = !field.hidden
            && (!field.optional || asked.optional.contains(name))
            && (!collection.include_only.contains(name) || asked_for(collection, name, asked))
            && view.may(field.access, workspace.as_deref());
        if wanted {
            shown.insert(name.clone(), value(view, collection, record, (name, field)));
        }
    }
    associations(view, collection, record, asked, &mut shown);
    finish(view, collection, record, &mut shown);
    Value::Object(shown)
}

/// Every field, for an event's payload.
pub(super) fn payload(view: View<'_>, collection: &Collection, record: &Record) -> Map<String, Value> {
    let fields = collection.fields.iter().filter(|(_, f)| !f.hidden && !f.optional);
    let mut shown: Map<String, Value> = fields
        .map(|(name, field)| (name.clone(), value(view, collection, record, (name, field))))
        .collect();
    finish(view, collection, record, &mut shown);
    shown
}

fn finish(view: View<'_>, collection: &Collection, record: &Record, shown: &mut Map<String, Value>) {
    shown.insert("id".to_owned(), Value::from(record.id.as_str()));
    if collection.name != "users" {
        let offset = view.account.offset();
        shown.insert(
            "created_at".to_owned(),
            Value::from(stamp(record.created_at, offset)),
        );
        shown.insert(
            "updated_at".to_owned(),
            Value::from(stamp(record.changed_at, offset)),
        );
    }
}

/// Whether an association that fills this field was asked for.
fn asked_for(collection: &Collection, field: &str, asked: &Asked) -> bool {
    asked.includes.iter().any(|name| {
        let definition = collection.includes.get(name);
        definition.and_then(|d| d.get(1)).is_some_and(|of| of == field)
    })
}

fn associations(
    view: View<'_>,
    collection: &Collection,
    record: &Record,
    asked: &Asked,
    shown: &mut Map<String, Value>,
) {
    for name in &asked.includes {
        let Some(found) = include::find(view, collection, record, name) else {
            continue;
        };
        let ids = found.ids.into_iter().map(Value::from).collect::<Vec<_>>();
        match found.key {
            Some((key, true)) => shown.insert(key.to_owned(), Value::Array(ids)),
            Some((key, false)) => shown.insert(key.to_owned(), ids.into_iter().next().unwrap_or_default()),
            None => None,
        };
    }
}

fn value(view: View<'_>, collection: &Collection, record: &Record, (name, field): (&str, &Field)) -> Value {
    let stored = || record.get(name).clone();
    let value = computed::value(view, collection, record, name).unwrap_or_else(stored);
    match field.kind {
        Kind::IntId => value
            .as_str()
            .and_then(|id| id.parse::<i64>().ok())
            .map_or(value, Value::from),
        Kind::Rate if view.account.settings.rate_card_rates_in_subunits => {
            value.as_i64().map_or(value, |rate| Value::from(rate * 100))
        }
        Kind::Time => {
            let at = value.as_str().and_then(|t| DateTime::parse_from_rfc3339(t).ok());
            at.map_or(value, |t| Value::from(stamp(t.to_utc(), view.account.offset())))
        }
        Kind::Ids if value.is_null() => Value::Array(Vec::new()),
        _ => value,
    }
}
