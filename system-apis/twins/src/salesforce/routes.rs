//! From method and path to the handler: the table of the data API.

use serde_json::{Map, Value, json};

use super::call::{Call, Request, Response};
use super::errors::ApiError;
use super::schema::Object;
use super::{bulk, bulk_query, collections, composite, describe, limits, query, records, tree};

type Answer = Result<Response, ApiError>;

/// Answers one call.
pub(super) fn route(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    match request.segments().as_slice() {
        [] => only(request, "GET").and_then(|()| resources(call)),
        ["query"] => query::query(call, request, false),
        ["queryAll"] => query::query(call, request, true),
        ["query" | "queryAll", cursor] => query::more(call, cursor),
        ["limits"] => limits::limits(call),
        ["limits", "recordCount"] => limits::record_count(call, request),
        ["sobjects", rest @ ..] => sobjects(call, request, rest),
        ["composite", rest @ ..] => composites(call, request, rest),
        ["jobs", "ingest", rest @ ..] => bulk::route(call, request, rest),
        ["jobs", "query", rest @ ..] => bulk_query::route(call, request, rest),
        _ => Err(ApiError::not_found()),
    }
}

fn only(request: &Request, method: &str) -> Result<(), ApiError> {
    if request.method == method || (method == "GET" && request.method == "HEAD") {
        return Ok(());
    }
    Err(ApiError::method(&request.method, method))
}

fn resources(call: &Call<'_, '_>) -> Answer {
    let names = ["query", "queryAll", "limits", "sobjects", "composite", "jobs"];
    let mut map: Map<String, Value> = names
        .iter()
        .map(|n| ((*n).to_owned(), json!(call.path(n))))
        .collect();
    let identity = format!(
        "{}/id/{}/{}",
        call.who.base_url,
        call.org.org_id(),
        call.who.user_id
    );
    map.insert("identity".to_owned(), Value::from(identity));
    Ok(Response::json(200, Value::Object(map)))
}

fn object<'o>(call: &Call<'o, '_>, name: &str) -> Result<&'o Object, ApiError> {
    call.org.schema.object(name).ok_or_else(ApiError::not_found)
}

fn sobjects(call: &mut Call<'_, '_>, request: &Request, rest: &[&str]) -> Answer {
    let [name, rest @ ..] = rest else {
        only(request, "GET")?;
        return describe::global(call, request);
    };
    let object = object(call, name)?;
    match (request.method.as_str(), rest) {
        ("GET" | "HEAD", []) => describe::basic(call, object),
        ("POST", []) => records::create(call, object, request),
        ("GET" | "HEAD", ["describe"]) => describe::full(call, object, request),
        ("GET", ["updated"]) => super::read::changed(call, object, request, false),
        ("GET", ["deleted"]) => super::read::changed(call, object, request, true),
        ("POST", ["Id" | "id"]) => records::create(call, object, request),
        ("GET" | "HEAD", [id]) => records::read(call, object, id, request),
        ("PATCH", [id]) => records::update(call, object, id, request),
        ("DELETE", [id]) => records::delete(call, object, id),
        ("GET" | "HEAD", [field, value]) => records::read_by_key(call, object, (field, value), request),
        ("PATCH" | "POST", [field, value]) => records::upsert(call, object, (field, value), request),
        ("DELETE", [field, value]) => records::delete_by_key(call, object, (field, value)),
        (method, []) => Err(ApiError::method(method, "GET,POST")),
        (method, [_] | [_, _]) => Err(ApiError::method(method, "GET,PATCH,DELETE")),
        _ => Err(ApiError::not_found()),
    }
}

fn composites(call: &mut Call<'_, '_>, request: &Request, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => {
            let names = ["sobjects", "batch", "tree"];
            let map: Map<String, Value> = names
                .iter()
                .map(|n| ((*n).to_owned(), json!(call.path(&format!("composite/{n}")))))
                .collect();
            Ok(Response::json(200, Value::Object(map)))
        }
        ("POST", []) => composite::composite(call, request),
        ("POST", ["batch"]) => composite::batch(call, request),
        ("POST", ["tree", name]) => {
            let object = object(call, name)?;
            tree::create(call, object, request)
        }
        ("POST", ["sobjects"]) => collections::create(call, request),
        ("PATCH", ["sobjects"]) => collections::update(call, request),
        ("DELETE", ["sobjects"]) => collections::delete(call, request),
        ("GET" | "POST", ["sobjects", name]) => {
            let object = object(call, name)?;
            collections::retrieve(call, object, request)
        }
        ("PATCH", ["sobjects", name, key]) => {
            let object = object(call, name)?;
            collections::upsert(call, object, key, request)
        }
        (method, [] | ["batch" | "tree" | "sobjects", ..]) => Err(ApiError::method(method, "POST")),
        _ => Err(ApiError::not_found()),
    }
}
