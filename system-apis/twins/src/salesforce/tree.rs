//! `/composite/tree/X`: records with their children, all or none.

use serde_json::{Map, Value, json};

use super::call::{Call, Request, Response};
use super::errors::ApiError;
use super::schema::Object;
use super::write;

const MOST: usize = 200;
const DEEPEST: usize = 5;

pub(super) fn create(
    call: &mut Call<'_, '_>,
    object: &Object,
    request: &Request,
) -> Result<Response, ApiError> {
    let body = request.object()?;
    let records = body.get("records").and_then(Value::as_array).cloned();
    let records = records.ok_or_else(|| ApiError::json("records is required"))?;
    let mut grown = Grown::default();
    let outcome = call.attempt(|call| {
        for record in &records {
            grow(call, object, record, None, 1, &mut grown);
        }
        if grown.failed.is_empty() && grown.done.len() <= MOST {
            Ok(())
        } else {
            Err(())
        }
    });
    if grown.done.len() > MOST {
        let text = "The number of records in the request exceeds the limit of 200";
        return Err(ApiError::new(400, "LIMIT_EXCEEDED", text));
    }
    Ok(match outcome {
        Ok(()) => Response::json(201, json!({"hasErrors": false, "results": grown.done})),
        Err(()) => Response::json(400, json!({"hasErrors": true, "results": grown.failed})),
    })
}

#[derive(Default)]
struct Grown {
    done: Vec<Value>,
    failed: Vec<Value>,
}

fn grow(
    call: &mut Call<'_, '_>,
    object: &Object,
    record: &Value,
    parent: Option<(&str, &str)>,
    depth: usize,
    grown: &mut Grown,
) {
    let empty = Map::new();
    let given = record.as_object().unwrap_or(&empty);
    let attribute = |name: &str| {
        given
            .get("attributes")
            .and_then(|a| a.get(name))
            .and_then(Value::as_str)
    };
    let reference = attribute("referenceId").unwrap_or_default().to_owned();
    let mut fields = given.clone();
    // A key that names a child relationship holds `{"records": [..]}`.
    let nested: Vec<(String, Value)> = given
        .iter()
        .filter(|(name, value)| {
            value.get("records").is_some() && call.org.schema.children(object.name(), name).is_some()
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    fields.retain(|name, _| !nested.iter().any(|(n, _)| n == name));
    if let Some((lookup, id)) = parent {
        fields.insert(lookup.to_owned(), Value::from(id));
    }
    let created = if depth > DEEPEST {
        Err(ApiError::new(
            400,
            "LIMIT_EXCEEDED",
            "The record tree is deeper than 5 levels",
        ))
    } else {
        call.attempt(|call| write::create(call, object, &fields))
    };
    let id = match created {
        Ok(id) => id,
        Err(error) => {
            grown
                .failed
                .push(json!({"referenceId": reference, "errors": [error.in_collection()]}));
            return;
        }
    };
    grown.done.push(json!({"referenceId": reference, "id": id}));
    let org = call.org;
    for (name, children) in nested {
        let Some((child, lookup)) = org.schema.children(object.name(), &name) else {
            continue;
        };
        for record in children
            .get("records")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            grow(call, child, record, Some((&lookup.name, &id)), depth + 1, grown);
        }
    }
}
