//! Custom field values and external references.

use serde_json::{Map, Value, json};

use super::{Done, Item, text, with_defaults};
use crate::kantata::call::{Call, Request, Response, View, fields as pairs};
use crate::kantata::errors::ApiError;
use crate::kantata::events::{self, Subject};
use crate::kantata::schema::Collection;
use crate::kantata::{include, input, list, params};
use crate::store::{Fields, Record};

/// `custom_fields` and `external_reference(s)` that come inside another record.
pub(super) fn extras(call: &mut Call<'_, '_>, collection: &Collection, id: &str, item: &Item) -> Done<()> {
    let objects = |name: &str| -> Vec<Item> {
        let value = item.get(name).cloned().unwrap_or_default();
        let list = match value {
            Value::Array(list) => list,
            other => vec![other],
        };
        list.into_iter().filter_map(|v| v.as_object().cloned()).collect()
    };
    if let Some(subject) = &collection.custom {
        for mut value in objects("custom_fields") {
            value.insert("subject_type".to_owned(), subject.as_str().into());
            value.insert("subject_id".to_owned(), id.into());
            let values = call
                .account
                .schema
                .get("custom_field_values")
                .ok_or_else(ApiError::not_found)?;
            let fields = input::fields(call.view(), values, &value, None)?;
            input::required(values, &fields)?;
            set_value(call, fields)?;
        }
    }
    if let Some(subject) = &collection.subject {
        for mut reference in [objects("external_reference"), objects("external_references")].concat() {
            reference.insert("subject_type".to_owned(), subject.as_str().into());
            reference.insert("subject_id".to_owned(), id.into());
            set_reference(call, &reference)?;
        }
    }
    Ok(())
}

/// Deletes what hangs on a record that goes.
pub(super) fn forget(call: &mut Call<'_, '_>, collection: &Collection, id: &str) {
    let subjects = [
        ("custom_field_values", &collection.custom),
        ("external_references", &collection.subject),
    ];
    for (table, subject) in subjects {
        let Some(subject) = subject else { continue };
        let key = format!("{subject}:{id}");
        let found: Vec<String> = call
            .view()
            .having(table, "_subject", &key)
            .into_iter()
            .map(|r| r.id.clone())
            .collect();
        for record in found {
            call.remove(table, &record);
        }
    }
}

/// Sets a value; the one before goes, and the new one has an id of its own.
pub(in super::super) fn set_value(call: &mut Call<'_, '_>, mut fields: Fields) -> Done<String> {
    let view = call.view();
    let field = text(&fields, "custom_field_id")
        .and_then(|id| view.get("custom_fields", id))
        .ok_or_else(ApiError::not_found)?
        .clone();
    let (kind, id) = (
        text(&fields, "subject_type").unwrap_or_default(),
        text(&fields, "subject_id").unwrap_or_default(),
    );
    let collection = call
        .account
        .schema
        .all()
        .find(|c| c.custom.as_deref() == Some(kind));
    let there = collection.is_some_and(|c| view.get(&c.name, id).is_some());
    if field.text("subject_type") != Some(kind) || !there {
        return Err(ApiError::invalid("subject_id", "Subject is invalid"));
    }
    let subject = format!("{kind}:{id}");
    let value = stored(view, &field, fields.get("value").unwrap_or(&Value::Null))?;
    let unique = field.get("unique_constraint") == true && !value.is_null();
    let unique = unique.then(|| format!("{}:{value}", field.id));
    let taken = unique.as_ref().is_some_and(|key| {
        let same = view.having("custom_field_values", "_unique", key);
        same.iter().any(|v| v.text("_subject") != Some(&subject))
    });
    if taken {
        let name = field.text("name").unwrap_or_default();
        let shown = display(view, &value);
        return Err(ApiError::invalid(
            "custom_fields",
            format!("{name} \"{shown}\" has already been entered"),
        ));
    }
    let values = view.having("custom_field_values", "_subject", &subject);
    let before = values
        .into_iter()
        .find(|v| v.text("custom_field_id") == Some(&field.id))
        .map(|v| v.id.clone());
    let me = call.who.user_id.clone();
    let display = display(view, &value);
    fields.extend(pairs([
        ("value", value),
        ("display_value", display.into()),
        ("custom_field_name", field.get("name").clone()),
        ("type", field.get("value_type").clone()),
        ("setter_id", me.into()),
        ("_subject", subject.clone().into()),
        ("_unique", unique.into()),
    ]));
    if let Some(old) = &before {
        call.remove("custom_field_values", old);
    }
    announce(
        call,
        &subject,
        if before.is_some() { "updated" } else { "created" },
    );
    Ok(call.insert("custom_field_values", fields))
}

/// `PUT /custom_field_values/<id>`: in place, under the same rules.
pub(super) fn change_value(call: &mut Call<'_, '_>, record: &Record, fields: Fields) -> Done<()> {
    let mut whole = record.fields.clone();
    whole.extend(fields);
    let made = set_value(call, whole)?;
    let new = call
        .get("custom_field_values", &made)
        .map(|r| r.fields)
        .unwrap_or_default();
    call.remove("custom_field_values", &made);
    call.tx.create("custom_field_values", record.id.clone(), new);
    Ok(())
}

pub(super) fn value_deleted(call: &mut Call<'_, '_>, record: &Record) {
    announce(call, record.text("_subject").unwrap_or_default(), "deleted");
}

/// The event that a project's custom field changed.
fn announce(call: &mut Call<'_, '_>, subject: &str, verb: &str) {
    if let Some(("Workspace", id)) = subject.split_once(':') {
        let subject = Subject {
            event_type: &format!("workspace:custom_field_value_{verb}"),
            subject_type: "Workspace",
            collection: "workspaces",
            id,
        };
        events::raw(call, &subject, None, None);
    }
}

/// A value in the form of its field's type.
fn stored(view: View<'_>, field: &Record, given: &Value) -> Done<Value> {
    let wrong = || {
        let name = field.text("name").unwrap_or_default();
        ApiError::invalid("value", format!("{name} is invalid"))
    };
    if given.is_null() {
        return Ok(Value::Null);
    }
    let kind = field.text("value_type").unwrap_or_default();
    let value = match (kind, given) {
        ("currency", Value::Array(pair)) => match pair.as_slice() {
            [amount, Value::String(_)] if amount.is_i64() => Some(given.clone()),
            _ => None,
        },
        ("currency", _) => None,
        ("single" | "multi", _) => {
            let list = params::text(given).unwrap_or_default();
            let choices = params::parts(&list);
            let known = |id: &&str| {
                view.get("custom_field_choices", id)
                    .is_some_and(|c| c.text("custom_field_id") == Some(&field.id))
            };
            let fits = choices.iter().all(known) && (kind == "multi" || choices.len() == 1);
            fits.then(|| json!(choices))
        }
        ("number", _) => params::text(given)
            .and_then(|t| t.parse::<i64>().ok())
            .map(Value::from),
        ("date", _) => params::text(given)
            .filter(|t| t.parse::<chrono::NaiveDate>().is_ok())
            .map(Value::from),
        _ => params::text(given).map(Value::from),
    };
    value.ok_or_else(wrong)
}

/// A value as a person reads it.
fn display(view: View<'_>, value: &Value) -> String {
    match value {
        Value::Array(list) if list.iter().all(Value::is_string) => {
            let labels = include::list(value).into_iter();
            let labels = labels
                .filter_map(|id| Some(view.get("custom_field_choices", &id)?.text("label")?.to_owned()));
            labels.collect::<Vec<_>>().join(", ")
        }
        other => params::text(other).unwrap_or_default(),
    }
}

/// `POST /external_references/create_or_update`.
pub(in super::super) fn create_or_update(call: &mut Call<'_, '_>, request: &Request) -> Done<Response> {
    let item: Option<&Map<String, Value>> = request.body.get("external_reference").and_then(Value::as_object);
    let item = item.ok_or_else(|| ApiError::system(400, "Missing required parameter: external_reference"))?;
    let id = set_reference(call, item)?;
    let collection = call
        .account
        .schema
        .get("external_references")
        .ok_or_else(ApiError::not_found)?;
    Ok(list::some(call.view(), collection, &[id], request))
}

/// One reference for each service name and subject.
fn set_reference(call: &mut Call<'_, '_>, item: &Item) -> Done<String> {
    let collection = call
        .account
        .schema
        .get("external_references")
        .ok_or_else(ApiError::not_found)?;
    let mut fields = input::fields(call.view(), collection, item, None)?;
    input::required(collection, &fields)?;
    if text(&fields, "status").is_some_and(|s| !matches!(s, "pending" | "successful" | "failed")) {
        return Err(ApiError::invalid("status", "Status is not included in the list"));
    }
    let view = call.view();
    let (kind, id) = (
        text(&fields, "subject_type").unwrap_or_default(),
        text(&fields, "subject_id").unwrap_or_default(),
    );
    let there = call
        .account
        .schema
        .subjects(kind)
        .any(|c| view.get(&c.name, id).is_some());
    if !there {
        return Err(ApiError::invalid("subject_id", "Subject is invalid"));
    }
    let subject = format!("{kind}:{id}");
    let references = view.having("external_references", "_subject", &subject);
    let known = references
        .iter()
        .find(|r| r.text("service_name") == text(&fields, "service_name"))
        .map(|r| r.id.clone());
    let now = call.now().to_rfc3339();
    fields.insert("_subject".to_owned(), subject.into());
    fields.entry("last_synced_at").or_insert_with(|| now.into());
    match known {
        Some(id) => {
            call.change("external_references", &id, fields);
            Ok(id)
        }
        None => {
            let fields = with_defaults(fields, [("status", "pending".into()), ("locked", false.into())]);
            Ok(call.insert("external_references", fields))
        }
    }
}
