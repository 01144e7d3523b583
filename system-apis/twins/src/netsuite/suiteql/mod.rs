//! SuiteQL: `POST /services/rest/query/v1/suiteql`.
//!
//! A parser and evaluator of the part of the dialect that integrations use. Values come back as text, nulls are left
//! out, names are lower-case.

mod functions;
mod run;
mod syntax;
mod tables;
mod value;

use serde_json::{Map, Value, json};

use self::value::Cell;
use super::NetSuite;
use super::call::{Call, Reply};
use super::collection::Page;
use super::errors::{Answer, Place, Refusal};
use super::value::decimal;

/// Path of the endpoint.
pub(super) const PATH: &str = "/services/rest/query/v1/suiteql";

/// Answers a query. With `shifted`, a record has slipped onto an earlier page since the reader took it.
pub(super) fn query(twin: &NetSuite, call: &Call, shifted: bool) -> Answer<Reply> {
    if call.method != "POST" {
        return Err(Refusal::wrong_method(&call.method));
    }
    if !call.prefers("transient") {
        return Err(Refusal::invalid_request(
            "The required request header 'Prefer' is missing. Use 'Prefer: transient'.",
        )
        .at(Place::Header("Prefer".to_owned())));
    }
    let page = Page::of(call)?;
    let body = call.json()?;
    let text = body.get("q").and_then(Value::as_str);
    let text = text.ok_or_else(|| Refusal::invalid_content("The query is missing.", "q"))?;
    let parameters: Vec<Cell> = body
        .get("params")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(parameter)
        .collect();
    let bad = |detail: String| {
        let detail = format!("Invalid search query. Detailed unprocessed description follows. {detail}");
        Refusal::invalid_parameter("q", detail)
    };
    let statement = syntax::parse(text).map_err(|e| bad(format!("Invalid or unsupported search: {e}.")))?;
    let now = twin.store.now().naive_utc();
    twin.store.read(|tables| {
        let found = run::run(twin.view(tables), &twin.settings, now, statement, &parameters).map_err(bad)?;
        if found.len() > twin.settings.max_query_rows {
            return Err(bad(format!(
                "The query has more than {} results.",
                twin.settings.max_query_rows
            )));
        }
        let shift = usize::from(shifted && page.offset > 0);
        let rows = found.page(page.offset - shift, page.limit).map_err(bad)?;
        let items: Vec<Value> = rows
            .into_iter()
            .map(|cells| item(twin, found.names(), &cells))
            .collect();
        Ok(Reply::body(
            200,
            "collection",
            page.envelope(call, items, found.len() + shift),
        ))
    })
}

fn parameter(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Null,
        Value::Bool(flag) => Cell::flag(*flag),
        Value::String(text) => Cell::Text(text.clone()),
        other => decimal(other).map_or_else(|| Cell::Text(other.to_string()), Cell::Number),
    }
}

fn item(twin: &NetSuite, names: &[String], cells: &[Cell]) -> Value {
    let mut item = Map::new();
    item.insert("links".to_owned(), json!([]));
    for (name, cell) in names.iter().zip(cells) {
        if let Some(text) = cell.shown(twin.settings.date_format) {
            item.insert(name.clone(), Value::String(text));
        }
    }
    Value::Object(item)
}
