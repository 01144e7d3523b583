//! sObject collections: up to 200 records in one call, each with an outcome of its own.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::call::{Call, Request, Response};
use super::errors::ApiError;
use super::schema::Object;
use super::{ids, read, write};

type Answer = Result<Response, ApiError>;

const MOST: usize = 200;

struct Batch {
    all_or_none: bool,
    records: Vec<Map<String, Value>>,
}

fn batch(request: &Request) -> Result<Batch, ApiError> {
    let body = request.object()?;
    let records = body.get("records").and_then(Value::as_array);
    let records = records.ok_or_else(|| ApiError::json("records is required"))?;
    check_count(records.len())?;
    let as_object = |record: &Value| {
        record
            .as_object()
            .cloned()
            .ok_or_else(|| ApiError::json("Expected an object in records"))
    };
    Ok(Batch {
        all_or_none: body.get("allOrNone") == Some(&Value::Bool(true)),
        records: records.iter().map(as_object).collect::<Result<_, _>>()?,
    })
}

fn check_count(count: usize) -> Result<(), ApiError> {
    if count <= MOST {
        return Ok(());
    }
    Err(ApiError::new(
        400,
        "EXCEEDED_ID_LIMIT",
        "record limit reached. cannot submit more than 200 records into this call",
    ))
}

/// Runs one operation per item. A failed item leaves no trace; with all-or-none it takes the others along.
fn each<T>(
    call: &mut Call<'_, '_>,
    all_or_none: bool,
    items: &[T],
    mut operation: impl FnMut(&mut Call<'_, '_>, &T) -> Result<Value, ApiError>,
) -> Response {
    let outcome = call.attempt(|call| {
        let results: Vec<Result<Value, ApiError>> = items
            .iter()
            .map(|item| call.attempt(|call| operation(call, item)))
            .collect();
        if all_or_none && results.iter().any(Result::is_err) {
            Err(results)
        } else {
            Ok(results)
        }
    });
    let failed = |error: &ApiError| json!({"success": false, "errors": [error.in_collection()]});
    let shown: Vec<Value> = match outcome {
        Ok(results) => results
            .into_iter()
            .map(|r| r.unwrap_or_else(|error| failed(&error)))
            .collect(),
        Err(results) => {
            let text = "Record rolled back because not all records were valid and the request was using AllOrNone header";
            let innocent = ApiError::of_fields("ALL_OR_NONE_OPERATION_ROLLED_BACK", text, &[]);
            results
                .into_iter()
                .map(|r| failed(&r.err().unwrap_or_else(|| innocent.clone())))
                .collect()
        }
    };
    Response::json(200, Value::Array(shown))
}

fn done(id: &str) -> Value {
    json!({"id": id, "success": true, "errors": []})
}

/// The object that `attributes.type` names.
fn object_of<'o>(call: &Call<'o, '_>, record: &Map<String, Value>) -> Result<&'o Object, ApiError> {
    let name = record
        .get("attributes")
        .and_then(|a| a.get("type"))
        .and_then(Value::as_str);
    let Some(name) = name else {
        return Err(ApiError::new(
            400,
            "INVALID_INPUT",
            "attributes.type is required for each record",
        ));
    };
    let unknown = || {
        ApiError::new(
            400,
            "INVALID_TYPE",
            format!("sObject type '{name}' is not supported."),
        )
    };
    call.org.schema.object(name).ok_or_else(unknown)
}

/// Takes the id out of a record; clients write `Id` or `id`.
fn take_id(record: &mut Map<String, Value>) -> Option<String> {
    let name = record.keys().find(|k| k.eq_ignore_ascii_case("id")).cloned()?;
    record.remove(&name).and_then(|v| v.as_str().map(str::to_owned))
}

/// An id in the 18-character form that belongs to a record, deleted or not.
fn known_id(call: &Call<'_, '_>, object: &Object, text: &str) -> Result<String, ApiError> {
    let id = ids::parse(text).ok_or_else(|| {
        ApiError::of_fields(
            "MALFORMED_ID",
            format!(
                "{} ID: id value of incorrect type: {text}",
                object.definition.label
            ),
            &["Id"],
        )
    })?;
    if call.tables().get_any(object.name(), &id).is_none() {
        return Err(ApiError::of_fields(
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            &[],
        ));
    }
    Ok(id)
}

pub(super) fn create(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    let Batch { all_or_none, records } = batch(request)?;
    Ok(each(call, all_or_none, &records, |call, record| {
        let object = object_of(call, record)?;
        write::create(call, object, record).map(|id| done(&id))
    }))
}

pub(super) fn update(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    let Batch { all_or_none, records } = batch(request)?;
    Ok(each(call, all_or_none, &records, |call, record| {
        let object = object_of(call, record)?;
        let mut record = record.clone();
        let Some(id) = take_id(&mut record) else {
            return Err(ApiError::of_fields(
                "MISSING_ARGUMENT",
                "Id not specified in an update call",
                &[],
            ));
        };
        let id = known_id(call, object, &id)?;
        write::update(call, object, &id, &record).map(|()| done(&id))
    }))
}

pub(super) fn delete(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    let list = request.param("ids").unwrap_or_default();
    let ids: Vec<&str> = list
        .split(',')
        .map(str::trim)
        .filter(|id| !id.is_empty())
        .collect();
    check_count(ids.len())?;
    Ok(each(call, request.flag("allOrNone"), &ids, |call, text| {
        let object = ids::parse(text).and_then(|id| call.org.schema.object_of(&id));
        let Some(object) = object else {
            return Err(ApiError::of_fields("MALFORMED_ID", format!("bad id {text}"), &[]));
        };
        let id = known_id(call, object, text)?;
        write::delete(call, object, &id).map(|()| done(&id))
    }))
}

pub(super) fn upsert(call: &mut Call<'_, '_>, object: &Object, key: &str, request: &Request) -> Answer {
    let key = write::key_field(object, key)?;
    let Batch { all_or_none, records } = batch(request)?;
    let value_of = |record: &Map<String, Value>| {
        let found = record
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&key.name));
        found
            .map(|(_, v)| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
            .filter(|v| v != "null")
    };
    let mut seen: HashMap<String, usize> = HashMap::new();
    for value in records.iter().filter_map(&value_of) {
        *seen.entry(value.to_lowercase()).or_default() += 1;
    }
    Ok(each(call, all_or_none, &records, |call, record| {
        let value = value_of(record);
        if value
            .as_ref()
            .is_some_and(|v| seen.get(&v.to_lowercase()).is_some_and(|n| *n > 1))
        {
            let text = format!("Duplicate external id specified: {}", value.unwrap_or_default());
            return Err(ApiError::of_fields("DUPLICATE_VALUE", text, &[&key.name]));
        }
        let mut record = record.clone();
        record.retain(|name, _| !name.eq_ignore_ascii_case(&key.name));
        upsert_one(call, object, (key, value.as_deref()), &record)
    }))
}

fn upsert_one(
    call: &mut Call<'_, '_>,
    object: &Object,
    (key, value): (&super::FieldDefinition, Option<&str>),
    record: &Map<String, Value>,
) -> Result<Value, ApiError> {
    let value = match value {
        Some(value) => value,
        None if key.name == "Id" => "",
        None => {
            let text = format!("{} not specified", key.name);
            return Err(ApiError::of_fields("MISSING_ARGUMENT", text, &[&key.name]));
        }
    };
    match write::upsert(call, object, (key, value), record, false)? {
        write::Upsert::Created(id) => Ok(json!({"id": id, "success": true, "errors": [], "created": true})),
        write::Upsert::Updated(id) => Ok(json!({"id": id, "success": true, "errors": [], "created": false})),
        write::Upsert::Several(_) => {
            let text = format!("{}: more than one record found for external id field", key.name);
            Err(ApiError::of_fields("DUPLICATE_EXTERNAL_ID", text, &[&key.name]))
        }
    }
}

/// Several records by id, in the order asked; null where there is none.
pub(super) fn retrieve(call: &mut Call<'_, '_>, object: &Object, request: &Request) -> Answer {
    let list = |body: &Map<String, Value>, name: &str| -> Option<Vec<String>> {
        let items = body.get(name)?.as_array()?;
        Some(
            items
                .iter()
                .filter_map(|i| i.as_str().map(str::to_owned))
                .collect(),
        )
    };
    let split = |name: &str| {
        request
            .param(name)
            .map(|t| t.split(',').map(|i| i.trim().to_owned()).collect())
    };
    let (ids, fields) = if request.method == "POST" {
        let body = request.object()?;
        (list(&body, "ids"), list(&body, "fields"))
    } else {
        (split("ids"), split("fields"))
    };
    let (Some(ids), Some(fields)) = (ids, fields) else {
        return Err(ApiError::json("ids and fields are required"));
    };
    if ids.len() > 2000 {
        check_count(ids.len())?;
    }
    let fields = read::chosen(object, Some(&fields.join(",")))?;
    let found = ids.iter().map(|id| {
        let record = ids::parse(id).and_then(|id| call.tables().get(object.name(), &id));
        record.map_or(Value::Null, |record| read::shown(call, object, record, &fields))
    });
    let found: Vec<Value> = found.collect();
    Ok(Response::json(200, Value::Array(found)))
}
