//! What a client writes, in the form in which the store keeps it.

use chrono::NaiveDate;
use serde_json::{Map, Value};

use super::call::View;
use super::errors::{ApiError, humanised};
use super::params;
use super::schema::{Collection, Field, Kind};
use crate::store::{Fields, Record};

/// The fields of an item that the caller may write; what the collection does not know, or only shows, is ignored.
/// `record` is the record that is changed, absent for a new one.
pub(super) fn fields(
    view: View<'_>,
    collection: &Collection,
    item: &Map<String, Value>,
    record: Option<&Record>,
) -> Result<Fields, ApiError> {
    let workspace = record.and_then(|r| super::call::workspace_of(collection, r));
    let workspace = workspace.or_else(|| {
        collection
            .workspace
            .as_ref()
            .and_then(|f| params::text(item.get(f)?))
    });
    let new = record.is_none();
    let mut fields = Fields::new();
    let mut refused: Option<ApiError> = None;
    for (name, given) in item {
        let Some(field) = collection.fields.get(name) else {
            continue;
        };
        let ignored = field.read_only || (field.create_only && !new);
        // Who makes a project decides about its money.
        let own = collection.name == "workspaces" && new;
        if ignored || !(own || view.may(field.access, workspace.as_deref())) {
            continue;
        }
        match value(view, name, field, given) {
            Ok(value) => {
                fields.insert(name.clone(), value);
            }
            Err(error) => refused = Some(and(refused, error)),
        }
    }
    match refused {
        Some(error) => Err(error),
        None => Ok(fields),
    }
}

/// Adds a refusal to those before it.
pub(super) fn and(before: Option<ApiError>, error: ApiError) -> ApiError {
    match before {
        Some(before) => before.and(error),
        None => error,
    }
}

/// Refuses an item without its required fields, naming all of them.
pub(super) fn required(collection: &Collection, fields: &Fields) -> Result<(), ApiError> {
    let missing = collection.require.iter().filter(|name| match fields.get(*name) {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(_) => false,
    });
    let refused = missing.fold(None, |before, name| Some(and(before, ApiError::blank(name))));
    refused.map_or(Ok(()), Err)
}

fn value(view: View<'_>, name: &str, field: &Field, given: &Value) -> Result<Value, ApiError> {
    let wrong = |what: &str| ApiError::invalid(name, format!("{} {what}", humanised(name)));
    let text = params::text(given);
    if given.is_null() || (text.as_deref() == Some("") && field.kind != Kind::Text) {
        return Ok(if field.kind == Kind::Ids {
            Value::Array(Vec::new())
        } else {
            Value::Null
        });
    }
    match field.kind {
        Kind::Any => Ok(given.clone()),
        Kind::Text => text.map(Value::from).ok_or_else(|| wrong("is invalid")),
        Kind::Bool => match text.as_deref() {
            Some("true" | "1") => Ok(Value::from(true)),
            Some("false" | "0") => Ok(Value::from(false)),
            _ => Err(wrong("is invalid")),
        },
        Kind::Int => {
            let whole = text.and_then(|t| t.trim().parse::<i64>().ok());
            whole.map(Value::from).ok_or_else(|| wrong("is not a number"))
        }
        Kind::Number | Kind::Rate => {
            let number = text.and_then(|t| serde_json::from_str::<serde_json::Number>(t.trim()).ok());
            number.map(Value::Number).ok_or_else(|| wrong("is not a number"))
        }
        Kind::Date => {
            let day = text.and_then(|t| t.get(..10)?.parse::<NaiveDate>().ok());
            day.map(|d| Value::from(d.to_string()))
                .ok_or_else(|| wrong("is not a valid date"))
        }
        Kind::Time => {
            let at = text.and_then(|t| super::filter::instant(&t));
            at.map(|t| Value::from(t.to_rfc3339()))
                .ok_or_else(|| wrong("is not a valid time"))
        }
        Kind::Id | Kind::IntId => {
            let id = text.ok_or_else(|| wrong("is invalid"))?;
            exists(view, field, &id)
                .then(|| Value::from(id))
                .ok_or_else(|| wrong("is invalid"))
        }
        Kind::Ids => {
            let list = text.ok_or_else(|| wrong("is invalid"))?;
            let ids = params::parts(&list);
            let known = ids.iter().all(|id| exists(view, field, id));
            known.then(|| Value::from(ids)).ok_or_else(|| wrong("is invalid"))
        }
    }
}

fn exists(view: View<'_>, field: &Field, id: &str) -> bool {
    field
        .target
        .as_deref()
        .is_none_or(|table| view.get(table, id).is_some())
}
