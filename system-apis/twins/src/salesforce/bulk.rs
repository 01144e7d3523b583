//! Bulk API 2.0 ingest: a CSV goes in, rows are written in the background, results come out as CSV.
//!
//! Jobs, their data and their results are kept in the store, so a restarted twin carries a job on where it was.
//! Queries are in [`super::bulk_query`], the work itself in [`super::bulk_rows`].

use serde_json::{Map, Value, json};

use super::call::{Call, Content, Payload, Request, Response, stamp};
use super::errors::ApiError;
use super::{ids, write};
use crate::store::{Fields, Record};

type Answer = Result<Response, ApiError>;

/// Jobs of both kinds; `jobType` tells them apart.
pub(super) const JOBS: &str = "_BulkJob";
/// What was uploaded, one record per job.
const UPLOADS: &str = "_BulkUpload";
/// Outcomes of one chunk of rows.
pub(super) const CHUNKS: &str = "_BulkChunk";

pub(super) fn route(call: &mut Call<'_, '_>, request: &Request, rest: &[&str]) -> Answer {
    match (request.method.as_str(), rest) {
        ("GET", []) => Ok(list(call, "V2Ingest")),
        ("POST", []) => open(call, request),
        ("GET", [id]) => Ok(Response::json(200, shown(job(call, id, "V2Ingest")?, true))),
        ("PATCH", [id]) => set_state(call, request, id, "V2Ingest"),
        ("DELETE", [id]) => delete(call, id, "V2Ingest"),
        ("PUT", [id, "batches"]) => upload(call, request, id),
        ("GET", [id, results]) => match results.to_ascii_lowercase().as_str() {
            "successfulresults" => outcomes(call, id, true),
            "failedresults" => outcomes(call, id, false),
            "unprocessedrecords" => unprocessed(call, id),
            _ => Err(ApiError::not_found()),
        },
        (method, [] | [_] | [_, _]) => Err(ApiError::method(method, "GET,POST,PUT,PATCH,DELETE")),
        _ => Err(ApiError::not_found()),
    }
}

pub(super) fn text<'v>(body: &'v Map<String, Value>, name: &str) -> Option<&'v str> {
    body.get(name).and_then(Value::as_str)
}

fn open(call: &mut Call<'_, '_>, request: &Request) -> Answer {
    let body = request.object()?;
    let name = text(&body, "object").unwrap_or_default();
    let Some(object) = call.org.schema.object(name) else {
        let message = format!("Entity '{name}' is not supported by the Bulk API.");
        return Err(ApiError::new(400, "INVALIDENTITY", message));
    };
    let operation = text(&body, "operation").unwrap_or_default();
    if !["insert", "update", "upsert", "delete", "hardDelete"].contains(&operation) {
        return Err(ApiError::new(
            400,
            "INVALIDJOB",
            format!("InvalidJob : Unknown operation: {operation}"),
        ));
    }
    let key = text(&body, "externalIdFieldName");
    if operation == "upsert" {
        let usable = key.is_some_and(|key| write::key_field(object, key).is_ok());
        if !usable {
            let message = format!(
                "InvalidJob : Invalid external ID field name: {}",
                key.unwrap_or_default()
            );
            return Err(ApiError::new(400, "INVALIDJOB", message));
        }
    }
    let mut fields = new_job(call, &body, "V2Ingest", operation, object.name());
    fields.insert(
        "externalIdFieldName".to_owned(),
        json!(key.filter(|_| operation == "upsert")),
    );
    fields.insert("state".to_owned(), json!("Open"));
    let id = store_job(call, fields, |id, version| {
        Some(format!("services/data/v{version}/jobs/ingest/{id}/batches"))
    });
    Ok(Response::json(200, shown(job(call, &id, "V2Ingest")?, false)))
}

/// The fields that every job has.
pub(super) fn new_job(
    call: &Call<'_, '_>,
    body: &Map<String, Value>,
    kind: &str,
    operation: &str,
    object: &str,
) -> Fields {
    let job = json!({
        "jobType": kind, "operation": operation, "object": object, "createdById": call.who.user_id,
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": call.version(),
        "lineEnding": text(body, "lineEnding").unwrap_or("LF"),
        "columnDelimiter": text(body, "columnDelimiter").unwrap_or("COMMA"),
        "numberRecordsProcessed": 0, "numberRecordsFailed": 0, "errorMessage": null, "caller": call.tx.caller(),
    });
    job.as_object().cloned().unwrap_or_default()
}

pub(super) fn store_job(
    call: &mut Call<'_, '_>,
    mut fields: Fields,
    content_url: impl Fn(&str, &str) -> Option<String>,
) -> String {
    let number = call.tx.next("750");
    let id = ids::nth("750", number);
    fields.insert(
        "contentUrl".to_owned(),
        json!(content_url(&id, &call.who.version)),
    );
    call.tx.create(JOBS, id.as_str(), fields);
    id
}

pub(super) fn job<'c>(call: &'c Call<'_, '_>, id: &str, kind: &str) -> Result<&'c Record, ApiError> {
    let record = ids::parse(id).and_then(|id| call.tables().get(JOBS, &id));
    record
        .filter(|r| r.text("jobType") == Some(kind))
        .ok_or_else(ApiError::not_found)
}

/// A job as the API shows it; the answer to its creation leaves out what only a poll tells.
pub(super) fn shown(job: &Record, polled: bool) -> Value {
    let mut json = Map::new();
    let always = [
        "operation",
        "object",
        "createdById",
        "state",
        "concurrencyMode",
        "contentType",
        "apiVersion",
        "lineEnding",
        "columnDelimiter",
    ];
    json.insert("id".to_owned(), json!(job.id));
    json.insert("createdDate".to_owned(), json!(stamp(job.created_at)));
    json.insert("systemModstamp".to_owned(), json!(stamp(job.changed_at)));
    for name in always {
        json.insert(name.to_owned(), job.get(name).clone());
    }
    for name in ["externalIdFieldName", "contentUrl"] {
        if !job.get(name).is_null() {
            json.insert(name.to_owned(), job.get(name).clone());
        }
    }
    if polled {
        let elapsed = (job.changed_at - job.created_at).num_milliseconds();
        let ingest = job.text("jobType") == Some("V2Ingest");
        for name in ["jobType", "numberRecordsProcessed"] {
            json.insert(name.to_owned(), job.get(name).clone());
        }
        json.insert("retries".to_owned(), json!(0));
        json.insert("totalProcessingTime".to_owned(), json!(elapsed));
        if ingest {
            json.insert(
                "numberRecordsFailed".to_owned(),
                job.get("numberRecordsFailed").clone(),
            );
            json.insert("apiActiveProcessingTime".to_owned(), json!(elapsed));
            json.insert("apexProcessingTime".to_owned(), json!(0));
        } else {
            json.insert("isPkChunkingSupported".to_owned(), json!(true));
        }
        if !job.get("errorMessage").is_null() {
            json.insert("errorMessage".to_owned(), job.get("errorMessage").clone());
        }
    }
    Value::Object(json)
}

pub(super) fn list(call: &Call<'_, '_>, kind: &str) -> Response {
    let jobs = call
        .tables()
        .rows(JOBS)
        .filter(|j| j.text("jobType") == Some(kind));
    let records: Vec<Value> = jobs.map(|j| shown(j, false)).collect();
    Response::json(
        200,
        json!({"done": true, "nextRecordsUrl": null, "records": records}),
    )
}

fn wrong_state(job: &Record, wanted: &str) -> ApiError {
    let state = job.text("state").unwrap_or_default();
    ApiError::new(
        400,
        "INVALIDJOBSTATE",
        format!("Job in state {state} cannot be moved to {wanted}"),
    )
}

pub(super) fn change(call: &mut Call<'_, '_>, id: &str, values: Value) {
    if let Value::Object(fields) = values {
        call.tx.update(JOBS, id, fields);
    }
}

pub(super) fn set_state(call: &mut Call<'_, '_>, request: &Request, id: &str, kind: &str) -> Answer {
    let body = request.object()?;
    let wanted = text(&body, "state").unwrap_or_default().to_owned();
    let found = job(call, id, kind)?.clone();
    let state = found.text("state").unwrap_or_default();
    let allowed = match wanted.as_str() {
        "UploadComplete" => kind == "V2Ingest" && state == "Open",
        "Aborted" => ["Open", "UploadComplete", "InProgress"].contains(&state),
        _ => {
            return Err(ApiError::new(
                400,
                "INVALIDJOB",
                format!("InvalidJob : Invalid state: {wanted}"),
            ));
        }
    };
    if !allowed {
        return Err(wrong_state(&found, &wanted));
    }
    // A lock that fault control announces here is met by the rows later.
    change(
        call,
        &found.id,
        json!({"state": wanted, "locked": call.who.locked}),
    );
    Ok(Response::json(200, shown(job(call, id, kind)?, false)))
}

pub(super) fn delete(call: &mut Call<'_, '_>, id: &str, kind: &str) -> Answer {
    let found = job(call, id, kind)?.clone();
    if ["Open", "InProgress"].contains(&found.text("state").unwrap_or_default()) {
        return Err(wrong_state(&found, "Deleted"));
    }
    call.tx.delete(JOBS, &found.id);
    Ok(Response::empty(204))
}

fn upload(call: &mut Call<'_, '_>, request: &Request, id: &str) -> Answer {
    let found = job(call, id, "V2Ingest")?.clone();
    if found.text("state") != Some("Open") || call.tables().get(UPLOADS, &found.id).is_some() {
        return Err(wrong_state(&found, "Open"));
    }
    let data = match &request.body {
        Payload::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Payload::Json(_) | Payload::None => String::new(),
    };
    call.tx.create(
        UPLOADS,
        found.id.as_str(),
        Fields::from_iter([("csv".to_owned(), Value::from(data))]),
    );
    Ok(Response::empty(201))
}

/// The header and the rows of what was uploaded.
pub(super) struct Upload {
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

pub(super) fn uploaded(call: &Call<'_, '_>, job: &Record) -> Result<Upload, String> {
    let data = call
        .tables()
        .get(UPLOADS, &job.id)
        .and_then(|u| u.text("csv"))
        .unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(job))
        .has_headers(false)
        .from_reader(data.trim_start_matches('\u{feff}').as_bytes());
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("InvalidBatch : Failed to parse CSV: {error}"))?;
        lines.push(record.iter().map(str::to_owned).collect::<Vec<_>>());
    }
    let mut lines = lines.into_iter();
    Ok(Upload {
        header: lines.next().unwrap_or_default(),
        rows: lines.collect(),
    })
}

fn delimiter(job: &Record) -> u8 {
    match job.text("columnDelimiter").unwrap_or_default() {
        "TAB" => b'\t',
        "SEMICOLON" => b';',
        "PIPE" => b'|',
        "CARET" => b'^',
        "BACKQUOTE" => b'`',
        _ => b',',
    }
}

/// Rows as CSV with every cell quoted, under a header that is there even when there are no rows.
pub(super) fn to_csv(job: &Record, header: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter(job))
        .quote_style(csv::QuoteStyle::Always)
        .terminator(if job.text("lineEnding") == Some("CRLF") {
            csv::Terminator::CRLF
        } else {
            csv::Terminator::Any(b'\n')
        })
        .from_writer(Vec::new());
    for row in std::iter::once(header.to_vec()).chain(rows) {
        if let Err(error) = writer.write_record(&row) {
            tracing::error!(%error, "a row of a bulk result could not be written");
        }
    }
    writer
        .into_inner()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn csv(text: String) -> Response {
    Response {
        status: 200,
        headers: Vec::new(),
        body: Content::Csv(text),
    }
}

fn outcomes(call: &Call<'_, '_>, id: &str, good: bool) -> Answer {
    let job = job(call, id, "V2Ingest")?;
    let Upload { header, rows } = uploaded(call, job).unwrap_or(Upload {
        header: Vec::new(),
        rows: Vec::new(),
    });
    let own = if good {
        ["sf__Id", "sf__Created"]
    } else {
        ["sf__Id", "sf__Error"]
    };
    let header: Vec<String> = own.into_iter().map(str::to_owned).chain(header).collect();
    let list = if good { "good" } else { "bad" };
    let mut lines = Vec::new();
    for chunk in call
        .tables()
        .rows(CHUNKS)
        .filter(|c| c.text("job") == Some(&job.id))
    {
        for outcome in chunk.get(list).as_array().into_iter().flatten() {
            let cell = |at: usize| {
                outcome
                    .get(at)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            let row = outcome
                .get(2)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok());
            let given = row.and_then(|n| rows.get(n)).cloned().unwrap_or_default();
            lines.push([cell(0), cell(1)].into_iter().chain(given).collect::<Vec<_>>());
        }
    }
    Ok(csv(to_csv(job, &header, lines.into_iter())))
}

fn unprocessed(call: &Call<'_, '_>, id: &str) -> Answer {
    let job = job(call, id, "V2Ingest")?;
    let Upload { header, rows } = uploaded(call, job).unwrap_or(Upload {
        header: Vec::new(),
        rows: Vec::new(),
    });
    let done = processed(job);
    Ok(csv(to_csv(job, &header, rows.into_iter().skip(done))))
}

pub(super) fn processed(job: &Record) -> usize {
    job.get("numberRecordsProcessed")
        .as_u64()
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(0)
}
