//! The selectOptions operation: what values a field may take, with their ids.
//!
//! After "selectOptions Operation" of the REST guide: `POST /{type}?fields=..` or `PATCH /{type}/{id}?fields=..` with
//! `Accept: application/vnd.oracle.resource+json; type=select-options`.

use serde_json::{Map, Value, json};

use super::NetSuite;
use super::call::{Call, Reply};
use super::collection::Page;
use super::errors::{Answer, Refusal};
use super::references::in_order;
use super::schema::{Field, Kind, RecordType};
use crate::store::Tables;

/// Answers a selectOptions request.
pub(super) fn select_options(twin: &NetSuite, tables: &Tables, call: &Call, parts: &[&str]) -> Answer<Reply> {
    let record = match (call.method.as_str(), parts) {
        ("POST", [record]) => twin.record_type(record)?,
        ("PATCH", [record, key]) => {
            let record = twin.record_type(record)?;
            twin.view(tables)
                .by_key(&record.name, key)
                .ok_or_else(Refusal::no_record)?;
            record
        }
        (method, _) => return Err(Refusal::wrong_method(method)),
    };
    let page = Page::of(call)?;
    let asked = call.list("fields");
    if asked.is_empty() {
        return Err(Refusal::invalid_parameter(
            "fields",
            "The query parameter 'fields' is required.",
        ));
    }
    let mut body = Map::new();
    body.insert(
        "links".to_owned(),
        json!([link(call, &format!("{}{}", call.base, call.path))]),
    );
    for name in asked {
        let field = field(record, &name).ok_or_else(|| {
            Refusal::invalid_parameter(
                "fields",
                format!("Field '{name}' was not found or has no select options."),
            )
        })?;
        let mut items = items(twin, tables, field);
        retain(call, &name, &mut items)?;
        let total = items.len();
        let items: Vec<Value> = items
            .into_iter()
            .skip(page.offset)
            .take(page.limit)
            .map(|(id, label)| json!({ "id": id, "refName": label }))
            .collect();
        let href = format!("{}{}?fields={name}", call.base, call.path);
        let options = json!({
            "links": [link(call, &href)], "count": items.len(), "offset": page.offset,
            "hasMore": page.offset + items.len() < total, "totalResults": total, "items": items,
        });
        body.insert(name, json!({ "_selectOptions": options }));
    }
    Ok(Reply::body(200, "select-options", Value::Object(body)))
}

fn link(call: &Call, href: &str) -> Value {
    json!({
        "rel": "self", "method": call.method, "mediaType": "application/vnd.oracle.resource+json; type=select-options",
        "href": href,
    })
}

/// A field by its name in any case, or `sublist.field`.
fn field<'a>(record: &'a RecordType, name: &str) -> Option<&'a Field> {
    let (shape, name) = match name.split_once('.') {
        Some((sublist, name)) => {
            let Kind::Sublist(shape) = &record.shape.fields.get(sublist)?.kind else {
                return None;
            };
            (record.sub_shape(shape)?, name)
        }
        None => (&record.shape, name),
    };
    let found = shape
        .fields
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, f)| f)?;
    matches!(found.kind, Kind::Enumeration | Kind::Reference(_)).then_some(found)
}

fn items(twin: &NetSuite, tables: &Tables, field: &Field) -> Vec<(String, String)> {
    match &field.kind {
        Kind::Reference(types) => {
            let view = twin.view(tables);
            let types = types.iter().filter_map(|t| twin.schema.get(t));
            types
                .flat_map(|t| {
                    in_order(tables, &t.name)
                        .into_iter()
                        .map(move |r| (r.id.clone(), view.display(t, &r.id)))
                })
                .collect()
        }
        _ => field
            .options
            .iter()
            .map(|(id, label)| (id.clone(), label.clone()))
            .collect(),
    }
}

/// Applies `q=field OPERATOR value` to the display names.
fn retain(call: &Call, name: &str, items: &mut Vec<(String, String)>) -> Answer<()> {
    for condition in call.parameter("q").into_iter().flat_map(|q| q.split(',')) {
        let mut words = condition.trim().splitn(3, ' ');
        let (Some(field), Some(operator), Some(value)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if !field.eq_ignore_ascii_case(name) {
            continue;
        }
        let value = value.trim().trim_matches('"').to_lowercase();
        match operator {
            "CONTAIN" => items.retain(|(_, label)| label.to_lowercase().contains(&value)),
            "IS" => items.retain(|(_, label)| label.to_lowercase() == value),
            "START_WITH" => items.retain(|(_, label)| label.to_lowercase().starts_with(&value)),
            _ => {
                return Err(Refusal::invalid_parameter(
                    "q",
                    format!("The operator '{operator}' is not supported."),
                ));
            }
        }
    }
    Ok(())
}
