//! The background work of Bulk API 2.0: carries unfinished jobs on, row by row.
//!
//! What a client asks about its jobs is in [`super::bulk`] and [`super::bulk_query`].

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::bulk::{CHUNKS, JOBS, Upload, change, processed, uploaded};
use super::call::{Call, Who};
use super::errors::ApiError;
use super::schema::Object;
use super::{Salesforce, bulk_query, ids, write};
use crate::store::{Caller, Record};

/// Rows written in one transaction.
const CHUNK: usize = 1000;

/// Starts carrying on with all unfinished jobs; also when the twin starts.
pub(super) fn work_in_background(org: &Arc<Salesforce>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        return;
    };
    let org = Arc::clone(org);
    runtime.spawn(async move {
        while work_once(&org) {
            tokio::task::yield_now().await;
        }
    });
}

/// Carries one job one chunk further; false when no job is left.
fn work_once(org: &Salesforce) -> bool {
    let waiting = |j: &&Record| matches!(j.text("state"), Some("UploadComplete" | "InProgress"));
    let Some(job) = org.store.read(|tables| tables.rows(JOBS).find(waiting).cloned()) else {
        return false;
    };
    let user_id = job.text("createdById").unwrap_or_default().to_owned();
    let who = Who {
        user_id,
        version: format!("{}.0", job.get("apiVersion")),
        base_url: String::new(),
        locked: job.get("locked") == &Value::Bool(true),
        page_shift: false,
    };
    // The rows are written on behalf of whoever opened the job.
    let caller: Caller = serde_json::from_value(job.get("caller").clone()).unwrap_or_default();
    let done: Result<(), ()> = org.store.transact(&caller, |tx| {
        let mut call = Call { org, who: &who, tx };
        // Looked at again under the lock: another worker may have been quicker.
        let Some(job) = call.tables().get(JOBS, &job.id).filter(waiting).cloned() else {
            return Ok(());
        };
        if job.text("jobType") == Some("V2Query") {
            bulk_query::execute(&mut call, &job);
        } else {
            write_chunk(&mut call, &job);
        }
        Ok(())
    });
    done.is_ok()
}

fn write_chunk(call: &mut Call<'_, '_>, job: &Record) {
    let org = call.org;
    let object = job.text("object").and_then(|name| org.schema.object(name));
    let (Some(object), Ok(Upload { header, rows })) = (object, uploaded(call, job)) else {
        let error = uploaded(call, job)
            .err()
            .unwrap_or_else(|| "InvalidBatch : object is gone".to_owned());
        change(call, &job.id, json!({"state": "Failed", "errorMessage": error}));
        return;
    };
    if let Some(unknown) = header.iter().find(|name| !is_column(object, name)) {
        let error = format!("InvalidBatch : Field name not found : {unknown}");
        change(call, &job.id, json!({"state": "Failed", "errorMessage": error}));
        return;
    }
    let start = processed(job);
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for (number, row) in rows.iter().enumerate().skip(start).take(CHUNK) {
        let body = to_body(&header, row);
        let id = body
            .get("Id")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        match call.attempt(|call| write_row(call, object, job, body)) {
            Ok((id, created)) => good.push(json!([id, created.to_string(), number])),
            Err(error) => bad.push(json!([id, error.in_bulk(), number])),
        }
    }
    let end = rows.len().min(start + CHUNK);
    let failed = job.get("numberRecordsFailed").as_u64().unwrap_or(0) + u64::try_from(bad.len()).unwrap_or(0);
    if end > start
        && let Value::Object(fields) = json!({"job": job.id, "good": good, "bad": bad})
    {
        call.tx.create(CHUNKS, format!("{}-{start:09}", job.id), fields);
    }
    let state = if end >= rows.len() {
        "JobComplete"
    } else {
        "InProgress"
    };
    change(
        call,
        &job.id,
        json!({"state": state, "numberRecordsProcessed": end, "numberRecordsFailed": failed}),
    );
}

fn is_column(object: &Object, name: &str) -> bool {
    match name.split_once('.') {
        Some((relationship, _)) => object.lookup(relationship).is_some(),
        None => object.field(name).is_some(),
    }
}

/// A row as the body of a write: empty cells are left out, `#N/A` clears, `Account.Key__c` points by key.
fn to_body(header: &[String], row: &[String]) -> Map<String, Value> {
    let mut body = Map::new();
    for (name, cell) in header.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        let value = if cell == "#N/A" {
            Value::Null
        } else {
            Value::from(cell.as_str())
        };
        match name.split_once('.') {
            Some((relationship, key)) => body.insert(relationship.to_owned(), json!({key: value})),
            None if name.eq_ignore_ascii_case("Id") => body.insert("Id".to_owned(), value),
            None => body.insert(name.clone(), value),
        };
    }
    body
}

/// Writes one row; the id, and whether it is new.
fn write_row(
    call: &mut Call<'_, '_>,
    object: &Object,
    job: &Record,
    mut body: Map<String, Value>,
) -> Result<(String, bool), ApiError> {
    let missing = |name: &str| ApiError::of_fields("MISSING_ARGUMENT", format!("{name} not specified"), &[]);
    match job.text("operation").unwrap_or_default() {
        "insert" => write::create(call, object, &body).map(|id| (id, true)),
        "upsert" => {
            let key = write::key_field(object, job.text("externalIdFieldName").unwrap_or_default())?;
            let value = body.remove(&key.name).and_then(|v| v.as_str().map(str::to_owned));
            let value = value.ok_or_else(|| missing(&key.name))?;
            match write::upsert(call, object, (key, &value), &body, false)? {
                write::Upsert::Created(id) => Ok((id, true)),
                write::Upsert::Updated(id) => Ok((id, false)),
                write::Upsert::Several(_) => {
                    let text = format!("{}: more than one record found for external id field", key.name);
                    Err(ApiError::of_fields("DUPLICATE_EXTERNAL_ID", text, &[]))
                }
            }
        }
        operation => {
            let given = body.remove("Id").and_then(|v| v.as_str().map(str::to_owned));
            let given = given.ok_or_else(|| missing("Id"))?;
            let malformed = || {
                let text = format!(
                    "{} ID: id value of incorrect type: {given}",
                    object.definition.label
                );
                ApiError::of_fields("MALFORMED_ID", text, &["Id"])
            };
            let id = ids::parse(&given).ok_or_else(malformed)?;
            let known = call.tables().get_any(object.name(), &id).is_some();
            if !known {
                return Err(ApiError::of_fields(
                    "INVALID_CROSS_REFERENCE_KEY",
                    "invalid cross reference id",
                    &[],
                ));
            }
            if operation == "update" {
                write::update(call, object, &id, &body)?;
            } else {
                write::delete(call, object, &id)?;
            }
            Ok((id, false))
        }
    }
}
