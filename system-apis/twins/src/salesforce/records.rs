//! Single-record calls of `/sobjects/X/...`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::call::{Call, Request, Response};
use super::errors::ApiError;
use super::schema::Object;
use super::{read, write};

type Answer = Result<Response, ApiError>;

fn created(call: &Call<'_, '_>, object: &Object, id: &str, body: Value) -> Response {
    let location = call.path(&format!("sobjects/{}/{id}", object.name()));
    Response::json(201, body).header("Location", location)
}

pub(super) fn create(call: &mut Call<'_, '_>, object: &Object, request: &Request) -> Answer {
    let id = write::create(call, object, &request.object()?)?;
    Ok(created(
        call,
        object,
        &id,
        json!({"id": id, "success": true, "errors": []}),
    ))
}

pub(super) fn read(call: &mut Call<'_, '_>, object: &Object, id: &str, request: &Request) -> Answer {
    let record = read::record(call, object, id)?;
    read::get(call, object, record, request)
}

pub(super) fn update(call: &mut Call<'_, '_>, object: &Object, id: &str, request: &Request) -> Answer {
    let record = read::record(call, object, id)?.clone();
    if let Some(status) = read::condition(request, None, record.changed_at) {
        return Ok(Response::empty(status));
    }
    write::update(call, object, &record.id, &request.object()?)?;
    Ok(Response::empty(204))
}

pub(super) fn delete(call: &mut Call<'_, '_>, object: &Object, id: &str) -> Answer {
    let id = read::record(call, object, id)?.id.clone();
    write::delete(call, object, &id)?;
    Ok(Response::empty(204))
}

/// Several records under a key that is not unique: their paths, and nothing is done.
fn several(call: &Call<'_, '_>, object: &Object, ids: &[String]) -> Response {
    let paths: Vec<String> = ids
        .iter()
        .map(|id| call.path(&format!("sobjects/{}/{id}", object.name())))
        .collect();
    Response::json(300, json!(paths))
}

pub(super) fn read_by_key(
    call: &mut Call<'_, '_>,
    object: &Object,
    (field, value): (&str, &str),
    request: &Request,
) -> Answer {
    let key = write::key_field(object, field)?;
    match write::find_by_key(call, object, key, value).as_slice() {
        [] => Err(ApiError::not_found()),
        [id] => read(call, object, id, request),
        ids => Ok(several(call, object, ids)),
    }
}

pub(super) fn delete_by_key(
    call: &mut Call<'_, '_>,
    object: &Object,
    (field, value): (&str, &str),
) -> Answer {
    let key = write::key_field(object, field)?;
    match write::find_by_key(call, object, key, value).as_slice() {
        [] => Err(ApiError::not_found()),
        [id] => delete(call, object, id),
        ids => Ok(several(call, object, ids)),
    }
}

pub(super) fn upsert(
    call: &mut Call<'_, '_>,
    object: &Object,
    (field, value): (&str, &str),
    request: &Request,
) -> Answer {
    let key = write::key_field(object, field)?;
    let done = write::upsert(
        call,
        object,
        (key, value),
        &request.object()?,
        request.flag("updateOnly"),
    )?;
    // Versions before 46 answer an update with an empty 204.
    let bare = call.version() < 46;
    Ok(match done {
        write::Upsert::Created(id) => created(
            call,
            object,
            &id,
            json!({"id": id, "success": true, "errors": [], "created": true}),
        ),
        write::Upsert::Updated(_) if bare => Response::empty(204),
        write::Upsert::Updated(id) => {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            let location = call.path(&format!("sobjects/{}/{}/{value}", object.name(), key.name));
            let body = json!({"id": id, "success": true, "errors": [], "created": false});
            Response::json(200, body).header("Location", location)
        }
        write::Upsert::Several(ids) => several(call, object, &ids),
    })
}
