//! Bulk API 2.0 query: a SOQL query runs in the background and its result is read as CSV, page by page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::bulk::{self, change, job, new_job, shown, store_job, text, to_csv};
use super::call::{Call, Content, Request, Response};
use super::errors::ApiError;
use super::schema::FieldType;
use super::soql::{self, plan::Output, plan::Plan};
use crate::store::{Fields, Record};

type Answer = Result<Response, ApiError>;

/// Results, one record per job.
const RESULTS: &str = "_BulkResult";
const KIND: &str = "V2Query";

pub(super) fn route(call: &mut Call<'_, '_>, request: &Request, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => Ok(bulk::list(call, KIND)),
        ("POST", []) => open(call, request),
        ("GET", [id]) => Ok(Response::json(200, shown(job(call, id, KIND)?, true))),
        ("PATCH", [id]) => bulk::set_state(call, request, id, KIND),
        ("DELETE", [id]) => bulk::delete(call, id, KIND),
        ("GET", [id, "results"]) => results(call, request, id),
        (method, [] | [_] | [_, "results"]) => Err(ApiError::method(method, "GET,POST,PATCH,DELETE")),
        _ => Err(ApiError::not_found()),
    }
}

fn open(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    let body = request.object()?;
    let query = text(&body, "query").unwrap_or_default().to_owned();
    let operation = text(&body, "operation").unwrap_or_default();
    if !["query", "queryAll"].contains(&operation) {
        return Err(ApiError::new(
            400,
            "INVALIDJOB",
            format!("InvalidJob : Unknown operation: {operation}"),
        ));
    }
    let object = {
        let parsed = soql::parse(&query).map_err(|refusal| refusal.answer(&query))?;
        let plan = soql::plan::plan(&call.org.schema, &parsed, call.tx.now().date_naive());
        let plan = plan.map_err(|refusal| refusal.answer(&query))?;
        bulk_can(&plan)?;
        plan.object.name().to_owned()
    };
    let mut fields = new_job(call, &body, KIND, operation, &object);
    fields.insert("query".to_owned(), Value::from(query));
    fields.insert("state".to_owned(), json!("UploadComplete"));
    let id = store_job(call, fields, |_, _| None);
    Ok(Response::json(200, shown(job(call, &id, KIND)?, false)))
}

/// Refuses what bulk queries may not contain.
fn bulk_can(plan: &Plan<'_>) -> Result<(), ApiError> {
    let compound = |o: &Output<'_>| matches!(o, Output::Value { operand, .. } if operand.field.kind == FieldType::Address);
    let children = |o: &Output<'_>| matches!(o, Output::Children { .. });
    let text = if plan.outputs.iter().any(compound) {
        "Selecting compound data not supported in Bulk Query"
    } else if plan.grouped || plan.count_only {
        "Aggregate Relationships not supported in Bulk Query"
    } else if plan.outputs.iter().any(children) {
        "Nested queries are not supported in Bulk Query"
    } else if plan.offset > 0 {
        "OFFSET is not supported in Bulk Query"
    } else {
        return Ok(());
    };
    Err(ApiError::new(400, "FUNCTIONALITY_NOT_ENABLED", text))
}

/// Runs a job's query and keeps the result.
pub(super) fn execute(call: &mut Call<'_, '_>, job: &Record) {
    let org = call.org;
    let query = job.text("query").unwrap_or_default();
    let parsed = soql::parse(query);
    let plan = parsed.and_then(|parsed| soql::plan::plan(&org.schema, &parsed, call.tx.now().date_naive()));
    let plan = match plan {
        Ok(plan) => plan,
        Err(refusal) => {
            change(
                call,
                &job.id,
                json!({"state": "Failed", "errorMessage": refusal.answer(query).message}),
            );
            return;
        }
    };
    let over = soql::Over {
        schema: &org.schema,
        tables: call.tables(),
        version: &call.who.version,
        deleted: job.text("operation") == Some("queryAll"),
    };
    let rows = soql::table(&plan, over);
    let header: Vec<String> = plan
        .outputs
        .iter()
        .filter_map(|output| match output {
            Output::Value { operand, .. } => Some(operand.path()),
            Output::Children { .. } => None,
        })
        .collect();
    let count = rows.len();
    let fields = Fields::from_iter([
        ("header".to_owned(), json!(header)),
        ("rows".to_owned(), json!(rows)),
    ]);
    call.tx.create(RESULTS, job.id.as_str(), fields);
    change(
        call,
        &job.id,
        json!({"state": "JobComplete", "numberRecordsProcessed": count}),
    );
}

fn texts(value: &Value) -> Vec<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(|v| v.as_str().unwrap_or_default().to_owned())
        .collect()
}

/// A page of the result. The locator holds the position; it is the text `null` on the last page.
fn results(call: &Call<'_, '_>, request: &Request, id: &str) -> Answer {
    let job = job(call, id, KIND)?;
    if job.get("apiVersion") != &json!(call.version()) {
        let text = "The job was created with another API version";
        return Err(ApiError::new(409, "API_VERSION_MISMATCH", text));
    }
    let Some(result) = call.tables().get(RESULTS, &job.id) else {
        return Err(ApiError::new(412, "JOB_NOT_COMPLETE", "The job is not complete"));
    };
    let offset = match request.param("locator").filter(|l| !l.is_empty()) {
        Some(locator) => {
            let decoded = STANDARD_NO_PAD
                .decode(locator)
                .ok()
                .and_then(|b| String::from_utf8(b).ok());
            let position = decoded.and_then(|text| text.parse::<usize>().ok());
            position.ok_or_else(|| ApiError::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))?
        }
        None => 0,
    };
    let most = request
        .param("maxRecords")
        .and_then(|m| m.parse::<usize>().ok())
        .unwrap_or(usize::MAX);
    let empty = Vec::new();
    let rows = result.get("rows").as_array().unwrap_or(&empty);
    let page: Vec<Vec<String>> = rows.iter().skip(offset).take(most.max(1)).map(texts).collect();
    let next = offset + page.len();
    let locator = if next < rows.len() {
        STANDARD_NO_PAD.encode(next.to_string())
    } else {
        "null".to_owned()
    };
    let count = page.len().to_string();
    let text = to_csv(job, &texts(result.get("header")), page.into_iter());
    let response = Response {
        status: 200,
        headers: Vec::new(),
        body: Content::Csv(text),
    };
    Ok(response
        .header("Sforce-NumberOfRecords", count)
        .header("Sforce-Locator", locator))
}
