//! The metadata catalogue: which record types there are, and each as JSON Schema or OpenAPI.

use serde_json::{Map, Value, json};

use super::NetSuite;
use super::call::{Call, Reply};
use super::errors::{Answer, Refusal};
use super::schema::{Field, Kind, RecordType, Shape};

const SCHEMA: &str = "application/schema+json";
const SWAGGER: &str = "application/swagger+json";
const CATALOGUE: &str = "/record/v1/metadata-catalog";

/// `GET /metadata-catalog[?select=a,b]`.
pub(super) fn catalogue(twin: &NetSuite, call: &Call) -> Answer<Reply> {
    let selected = call.list("select");
    if let Some(bad) = selected.iter().find(|name| twin.schema.get(name).is_none()) {
        return Err(Refusal::invalid_parameter(
            "select",
            format!("Record type '{bad}' does not exist"),
        ));
    }
    let wanted =
        |r: &&RecordType| selected.is_empty() || selected.iter().any(|s| s.eq_ignore_ascii_case(&r.name));
    let types: Vec<&RecordType> = twin.schema.types().filter(wanted).collect();
    if call.accept.starts_with(SWAGGER) {
        return Ok(Reply::typed(SWAGGER, open_api(&types)));
    }
    let items: Vec<Value> = types
        .iter()
        .map(|r| json!({ "name": r.name, "links": links(call, &r.name) }))
        .collect();
    let body = json!({ "items": items, "links": [{ "rel": "self", "href": call.href(CATALOGUE) }] });
    Ok(Reply::body(200, "collection", body))
}

/// `GET /metadata-catalog/{type}`.
pub(super) fn one(twin: &NetSuite, call: &Call, name: &str) -> Answer<Reply> {
    let schema = match name {
        "nsLink" => Some(json!({
            "type": "object", "properties": {
                "rel": { "title": "Relationship", "type": "string", "readOnly": true },
                "href": { "title": "Hypertext Reference", "type": "string", "format": "URI", "readOnly": true },
            },
        })),
        "nsResource" => Some(json!({
            "type": "object", "properties": {
                "id": { "title": "Internal identifier", "type": "string" },
                "refName": { "title": "Reference Name", "type": "string" },
                "externalId": { "title": "External identifier", "type": "string" },
                "links": links_schema(),
            },
        })),
        _ => None,
    };
    if let Some(schema) = schema {
        return Ok(Reply::typed(SCHEMA, schema));
    }
    let record = twin.record_type(name)?;
    if call.accept.starts_with(SWAGGER) {
        return Ok(Reply::typed(SWAGGER, open_api(&[record])));
    }
    if call.accept.starts_with(SCHEMA) {
        return Ok(Reply::typed(SCHEMA, json_schema(record)));
    }
    Ok(Reply::body(
        200,
        "singular",
        json!({ "name": record.name, "links": links(call, &record.name) }),
    ))
}

fn links(call: &Call, name: &str) -> Value {
    let href = call.href(&format!("{CATALOGUE}/{name}"));
    json!([
        { "rel": "canonical", "href": href, "mediaType": SCHEMA },
        { "rel": "alternate", "href": href, "mediaType": SWAGGER },
        { "rel": "describes", "href": call.href(&format!("/record/v1/{name}")) },
    ])
}

fn json_schema(record: &RecordType) -> Value {
    let mut properties = properties(record, &record.shape);
    for (name, title, kind) in [
        ("id", "Internal ID", "string"),
        ("externalId", "External ID", "string"),
        ("refName", "Reference Name", "string"),
    ] {
        properties.insert(
            name.to_owned(),
            json!({ "title": title, "type": kind, "nullable": true }),
        );
    }
    properties.insert(
        "lastModifiedDate".to_owned(),
        json!({ "title": "Last Modified Date", "type": "string", "format": "date-time" }),
    );
    properties.insert("links".to_owned(), links_schema());
    let filterable: Vec<&String> = record
        .shape
        .fields
        .iter()
        .filter(|(_, f)| !matches!(f.kind, Kind::Sublist(_) | Kind::Subrecord(_)))
        .map(|(name, _)| name)
        .collect();
    json!({ "type": "object", "properties": properties, "x-ns-filterable": filterable })
}

fn links_schema() -> Value {
    json!({ "title": "Links", "type": "array", "readOnly": true, "items": { "$ref": format!("/services/rest{CATALOGUE}/nsLink") } })
}

fn properties(record: &RecordType, shape: &Shape) -> Map<String, Value> {
    shape
        .fields
        .iter()
        .map(|(name, field)| (name.clone(), property(record, field)))
        .collect()
}

fn property(record: &RecordType, field: &Field) -> Value {
    let reference = |name: &str| json!({ "$ref": format!("/services/rest{CATALOGUE}/{name}") });
    let simple = |kind: &str, format: Option<&str>| {
        let mut property = json!({ "title": field.label, "type": kind, "nullable": true });
        if let (Some(format), Some(object)) = (format, property.as_object_mut()) {
            object.insert("format".to_owned(), json!(format));
        }
        property
    };
    let mut property = match &field.kind {
        Kind::Text | Kind::Hours => simple("string", None),
        Kind::Bool => simple("boolean", None),
        Kind::Number => simple("number", Some("double")),
        Kind::Integer => simple("integer", Some("int64")),
        Kind::Date => simple("string", Some("date")),
        Kind::DateTime => simple("string", Some("date-time")),
        Kind::Reference(types) => match types.as_slice() {
            [only] => reference(only),
            _ => reference("nsResource"),
        },
        Kind::Enumeration | Kind::Country => {
            let mut id = json!({ "title": field.label, "type": "string" });
            if let (false, Some(object)) = (field.options.is_empty(), id.as_object_mut()) {
                object.insert("enum".to_owned(), json!(field.options.keys().collect::<Vec<_>>()));
            }
            json!({ "type": "object", "properties": { "id": id, "refName": { "title": "Reference Name", "type": "string" } } })
        }
        Kind::Sublist(shape) => {
            let line = record
                .sub_shape(shape)
                .map(|s| properties(record, s))
                .unwrap_or_default();
            json!({ "type": "object", "properties": {
                "links": links_schema(), "totalResults": { "title": "Total Results", "type": "integer", "format": "int64" },
                "items": { "title": "Items", "type": "array", "items": { "type": "object", "properties": line } },
            } })
        }
        Kind::Subrecord(shape) => {
            let fields = record
                .sub_shape(shape)
                .map(|s| properties(record, s))
                .unwrap_or_default();
            json!({ "type": "object", "properties": fields })
        }
    };
    if let Some(object) = property.as_object_mut() {
        if field.custom {
            object.insert("x-ns-custom-field".to_owned(), json!(true));
        }
        if field.read_only {
            object.insert("readOnly".to_owned(), json!(true));
        }
    }
    property
}

fn open_api(types: &[&RecordType]) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    let done = |text: &str| json!({ "204": { "description": text }, "default": { "description": "Error response." } });
    for record in types {
        let name = &record.name;
        let schema = json!({ "$ref": format!("#/components/schemas/{name}") });
        let content = |kind: &str| {
            let media = format!("application/vnd.oracle.resource+json; type={kind}");
            json!({ media: { "schema": schema } })
        };
        let body = json!({ "required": true, "content": content("singular") });
        let read = |kind: &str| json!({ "200": { "description": "Retrieved.", "content": content(kind) }, "default": { "description": "Error response." } });
        paths.insert(format!("/{name}"), json!({
            "get": { "tags": [name], "summary": "Get list of records.", "responses": read("collection") },
            "post": { "tags": [name], "summary": "Insert record.", "requestBody": body, "responses": done("Inserted record.") },
        }));
        let mut with_id = json!({
            "get": { "tags": [name], "summary": "Get record.", "responses": read("singular") },
            "patch": { "tags": [name], "summary": "Update record.", "requestBody": body, "responses": done("Updated record.") },
            "put": { "tags": [name], "summary": "Insert or update record.", "requestBody": body, "responses": done("Upserted record.") },
            "delete": { "tags": [name], "summary": "Remove record.", "responses": done("Removed record.") },
        });
        if let Some(object) = with_id.as_object_mut() {
            let id =
                json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
            object.insert("parameters".to_owned(), id);
        }
        paths.insert(format!("/{name}/{{id}}"), with_id);
        for target in &record.transforms {
            let transform = json!({ "tags": [name], "summary": format!("Transform to {target}."), "responses": done("Transformed record.") });
            paths.insert(
                format!("/{name}/{{id}}/!transform/{target}"),
                json!({ "post": transform }),
            );
        }
        schemas.insert(name.clone(), json_schema(record));
    }
    json!({
        "openapi": "3.0.1", "info": { "title": "NetSuite REST Record API", "version": "v1" },
        "servers": [{ "url": "/services/rest/record/v1" }], "paths": paths, "components": { "schemas": schemas },
    })
}
