//! Parameters and bodies: query strings, Rails-style forms and JSON become one JSON object.

use actix_web::HttpRequest;
use serde_json::{Map, Value};

use super::errors::ApiError;

/// The body of a request, whichever way it was written.
pub(super) fn body(request: &HttpRequest, bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let header = request
        .headers()
        .get("content-type")
        .and_then(|v| v.to_str().ok());
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    if header.is_some_and(|h| h.starts_with("application/x-www-form-urlencoded")) {
        return Ok(form(bytes));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(ApiError::system(
            400,
            "There was a problem in the JSON you submitted",
        )),
    }
}

/// `a=1&b[c]=2&d[]=3&e[][f]=4` as nested objects and arrays; all values are texts.
pub(super) fn form(text: &[u8]) -> Map<String, Value> {
    let mut root = Map::new();
    for (name, value) in url::form_urlencoded::parse(text) {
        let (head, keys) = path(&name);
        put(&mut root, head, &keys, Value::from(value.as_ref()));
    }
    root
}

/// `a[b][]` as `a` and `["b", ""]`.
fn path(name: &str) -> (&str, Vec<&str>) {
    let Some((head, rest)) = name.split_once('[') else {
        return (name, Vec::new());
    };
    let keys = rest.trim_end_matches(']').split("][").collect();
    (head, keys)
}

fn put(object: &mut Map<String, Value>, key: &str, rest: &[&str], value: Value) {
    match rest {
        [] => {
            object.insert(key.to_owned(), value);
        }
        ["", rest @ ..] => {
            let slot = object.entry(key).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(list) = slot {
                put_in_list(list, rest, value);
            }
        }
        [next, rest @ ..] => {
            let slot = object.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = slot {
                put(inner, next, rest, value);
            }
        }
    }
}

/// An element's key that the last element already has begins a new element.
fn put_in_list(list: &mut Vec<Value>, rest: &[&str], value: Value) {
    let [key, rest @ ..] = rest else {
        list.push(value);
        return;
    };
    let open = list.last().and_then(Value::as_object);
    let fits =
        open.is_some_and(|object| !object.contains_key(*key) || rest.first().is_some_and(|k| k.is_empty()));
    if !fits {
        list.push(Value::Object(Map::new()));
    }
    if let Some(Value::Object(object)) = list.last_mut() {
        put(object, key, rest, value);
    }
}

/// A value as a text: numbers and booleans as JSON writes them, arrays joined by commas; `None` for null and objects.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(list) => Some(list.iter().filter_map(text).collect::<Vec<_>>().join(",")),
        Value::Null | Value::Object(_) => None,
    }
}

/// The parts of a comma-separated list.
pub(super) fn parts(list: &str) -> Vec<&str> {
    list.split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn forms_nest_as_the_vendors_own_client_writes_them() {
        let text =
            b"time_entry[notes]=a%20b&ids[]=1&ids[]=2&xs[][a]=1&xs[][b]=2&xs[][a]=3&w[f][][id]=7&page=2";
        let expected = json!({
            "time_entry": {"notes": "a b"}, "ids": ["1", "2"], "xs": [{"a": "1", "b": "2"}, {"a": "3"}],
            "w": {"f": [{"id": "7"}]}, "page": "2"});
        assert_eq!(Value::Object(form(text)), expected);
    }
}
