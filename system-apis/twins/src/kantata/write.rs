//! Creating, changing and deleting: single and bulk, all or nothing.

use serde_json::{Map, Value};

use super::call::{Call, Request, Response};
use super::errors::ApiError;
use super::schema::Collection;
use super::{input, list, params, rules};
use crate::store::Record;

type Answer = Result<Response, ApiError>;
type Item = Map<String, Value>;

/// `POST /<collection>`: one record under the singular key or several under the plural one. When one of several is
/// refused, none is created and the answer names each bad one by its index.
pub(super) fn create(call: &mut Call<'_, '_>, collection: &Collection, request: &Request) -> Answer {
    let (items, bulk) = items(collection, request)?;
    let mut ids = Vec::new();
    let mut refused: Option<ApiError> = None;
    for (index, item) in items.iter().enumerate() {
        match rules::create(call, collection, item) {
            Ok(id) => ids.push(id),
            Err(error) if error.status == 422 => {
                let error = if bulk { error.at(index) } else { error };
                refused = Some(input::and(refused, error));
            }
            Err(error) => return Err(error),
        }
    }
    match refused {
        Some(error) => Err(error),
        None => Ok(list::some(call.view(), collection, &ids, request)),
    }
}

fn items(collection: &Collection, request: &Request) -> Result<(Vec<Item>, bool), ApiError> {
    let object = |value: &Value| value.as_object().cloned();
    if let Some(item) = request.body.get(&collection.singular).and_then(object) {
        return Ok((vec![item], false));
    }
    let Some(Value::Array(several)) = request.body.get(&collection.name) else {
        return Err(ApiError::system(
            400,
            format!("Missing required parameter: {}", collection.singular),
        ));
    };
    if collection.bulk == 0 {
        return Err(ApiError::system(
            400,
            "This endpoint does not support bulk requests",
        ));
    }
    if several.len() > collection.bulk {
        let message = format!("A maximum of {} objects can be created at once", collection.bulk);
        return Err(ApiError::invalid("base", message));
    }
    Ok((several.iter().filter_map(object).collect(), true))
}

/// A record that the caller sees, filters or not.
pub(super) fn visible(call: &Call<'_, '_>, collection: &Collection, id: &str) -> Result<Record, ApiError> {
    let view = call.view();
    let record = view
        .get(&collection.name, id)
        .filter(|r| view.sees(collection, r));
    record.cloned().ok_or_else(ApiError::not_found)
}

/// `PUT /<collection>/<id>`: the last write wins.
pub(super) fn update(
    call: &mut Call<'_, '_>,
    collection: &Collection,
    id: &str,
    request: &Request,
) -> Answer {
    let record = visible(call, collection, id)?;
    let item = request.body.get(&collection.singular).and_then(Value::as_object);
    let missing = || {
        ApiError::system(
            400,
            format!("Missing required parameter: {}", collection.singular),
        )
    };
    rules::update(call, collection, &record, item.ok_or_else(missing)?)?;
    Ok(list::some(call.view(), collection, &[id.to_owned()], request))
}

/// `DELETE /<collection>/<id>`.
pub(super) fn delete(call: &mut Call<'_, '_>, collection: &Collection, id: &str) -> Answer {
    let record = visible(call, collection, id)?;
    rules::delete(call, collection, &record)?;
    Ok(Response::deleted())
}

/// `DELETE /<collection>` with `ids` in the query or in the body: all or none.
pub(super) fn delete_several(call: &mut Call<'_, '_>, collection: &Collection, request: &Request) -> Answer {
    let given = request
        .param("ids")
        .or_else(|| request.body.get("ids").and_then(params::text));
    let given = given.unwrap_or_default();
    let ids = params::parts(&given);
    if ids.is_empty() || ids.len() > collection.bulk {
        return Err(ApiError::system(
            400,
            format!("ids must name 1 to {} records", collection.bulk),
        ));
    }
    for id in ids {
        delete(call, collection, id)?;
    }
    Ok(Response::deleted())
}
