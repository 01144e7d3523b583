//! Reading: one record, lists of changed and deleted ids, and what a field shows.

use chrono::{DateTime, Duration, Utc};
use serde_json::{Map, Value, json};

use super::call::{Call, Request, Response, stamp, value};
use super::errors::ApiError;
use super::ids;
use super::schema::{FieldDefinition, FieldType, Object};
use super::soql::dates;
use crate::store::Record;

/// What a field of a record shows: the stored value, or one made from others.
pub(super) fn field_value(field: &FieldDefinition, record: &Record) -> Value {
    match (field.kind, value(record, &field.name)) {
        (FieldType::Boolean, Value::Null) => Value::Bool(false),
        (FieldType::Address, _) => address(field.name.trim_end_matches("Address"), record),
        (_, value) => value,
    }
}

fn address(prefix: &str, record: &Record) -> Value {
    let part = |name: &str| record.get(&format!("{prefix}{name}")).clone();
    let address = json!({
        "street": part("Street"), "city": part("City"), "state": part("State"),
        "postalCode": part("PostalCode"), "country": part("Country"),
        "latitude": part("Latitude"), "longitude": part("Longitude"),
        "geocodeAccuracy": part("GeocodeAccuracy"),
    });
    let empty = address.as_object().is_none_or(|a| a.values().all(Value::is_null));
    if empty { Value::Null } else { address }
}

/// A record as `GET sobjects/X/id` shows it.
pub(super) fn shown(
    call: &Call<'_, '_>,
    object: &Object,
    record: &Record,
    fields: &[&FieldDefinition],
) -> Value {
    let mut json = Map::new();
    let url = call.path(&format!("sobjects/{}/{}", object.name(), record.id));
    json.insert(
        "attributes".to_owned(),
        json!({"type": object.name(), "url": url}),
    );
    for field in fields {
        json.insert(field.name.clone(), field_value(field, record));
    }
    Value::Object(json)
}

/// The fields that `?fields=` or a retrieve names; all where it names none.
pub(super) fn chosen<'o>(
    object: &'o Object,
    names: Option<&str>,
) -> Result<Vec<&'o FieldDefinition>, ApiError> {
    let Some(names) = names else {
        return Ok(object.fields().iter().collect());
    };
    let find = |name: &str| {
        object
            .field(name.trim())
            .ok_or_else(|| ApiError::no_such_column(name.trim(), object.name()))
    };
    names.split(',').map(find).collect()
}

/// Finds a record by id for a single call: malformed, unknown and deleted ids are refused alike on every verb.
pub(super) fn record<'a>(call: &'a Call<'_, '_>, object: &Object, id: &str) -> Result<&'a Record, ApiError> {
    let found = ids::parse(id).and_then(|id| call.tables().get_any(object.name(), &id));
    match found {
        Some(record) if record.deleted => Err(ApiError::deleted()),
        Some(record) => Ok(record),
        None => Err(ApiError::not_found()),
    }
}

/// `GET sobjects/X/id`, with conditions on date and tag.
pub(super) fn get(
    call: &Call<'_, '_>,
    object: &Object,
    record: &Record,
    request: &Request,
) -> Result<Response, ApiError> {
    let fields = chosen(object, request.param("fields"))?;
    let tag = format!("\"{}-{}\"", ids::short(&record.id), record.version);
    let modified = record.changed_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Some(status) = condition(request, Some(&tag), record.changed_at) {
        return Ok(Response::empty(status)
            .header("ETag", tag)
            .header("Last-Modified", modified));
    }
    let json = shown(call, object, record, &fields);
    Ok(Response::json(200, json)
        .header("ETag", tag)
        .header("Last-Modified", modified))
}

/// 304 or 412 where a condition of the request says so.
pub(super) fn condition(request: &Request, tag: Option<&str>, modified: DateTime<Utc>) -> Option<u16> {
    let whole_seconds = modified.timestamp();
    let date = |name: &str| {
        let text = request.header(name)?;
        DateTime::parse_from_rfc2822(text).ok().map(|d| d.timestamp())
    };
    let holds = |tags: &str| tags == "*" || tags.split(',').any(|t| Some(t.trim()) == tag);
    if request
        .header("if-match")
        .is_some_and(|tags| tag.is_some() && !holds(tags))
        || date("if-unmodified-since").is_some_and(|limit| whole_seconds > limit)
    {
        return Some(412);
    }
    if request
        .header("if-none-match")
        .is_some_and(|tags| tag.is_some() && holds(tags))
        || date("if-modified-since").is_some_and(|limit| whole_seconds <= limit)
    {
        return Some(304);
    }
    None
}

/// `GET sobjects/X/updated` and `GET sobjects/X/deleted`.
pub(super) fn changed(
    call: &Call<'_, '_>,
    object: &Object,
    request: &Request,
    deleted: bool,
) -> Result<Response, ApiError> {
    let (start, end) = (instant(request, "start")?, instant(request, "end")?);
    if end - start > Duration::days(30) || start >= end {
        let text = "The requested date range must be positive and may not exceed 30 days";
        return Err(ApiError::new(400, "INVALID_REPLICATION_DATE", text));
    }
    let rows = call.tables().all_rows(object.name());
    let hits = rows.filter(|r| r.deleted == deleted && r.changed_at >= start && r.changed_at < end);
    let covered = stamp(end.min(call.tx.now()));
    let answer = if deleted {
        let listed: Vec<Value> = hits
            .map(|r| json!({"id": r.id, "deletedDate": stamp(r.changed_at)}))
            .collect();
        let earliest = stamp(call.tx.now() - Duration::days(15));
        json!({"deletedRecords": listed, "earliestDateAvailable": earliest, "latestDateCovered": covered})
    } else {
        let listed: Vec<&str> = hits.map(|r| r.id.as_str()).collect();
        json!({"ids": listed, "latestDateCovered": covered})
    };
    Ok(Response::json(200, answer))
}

fn instant(request: &Request, name: &str) -> Result<DateTime<Utc>, ApiError> {
    let text = request.param(name).unwrap_or_default();
    dates::instant(text).ok_or_else(|| {
        ApiError::new(
            400,
            "INVALID_REPLICATION_DATE",
            format!("{name}: invalid date: {text}"),
        )
    })
}
