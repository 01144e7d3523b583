//! One function for each call to NetSuite: wire in, wire out. What an answer means is decided in `failure`.

use std::time::Duration;

use canonical_model::{Failure, Result};
use chrono::{DateTime, Utc};
use egress::{EgressSettings, HttpClient, Request, Response};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::auth;
use crate::failure::Judge;
use crate::settings::{Limits, Settings, Texts};
use crate::wire::{Job, QueryPage, Record};

const RECORDS: &str = "services/rest/record/v1";
const SUITEQL: &str = "services/rest/query/v1/suiteql";
const JOBS: &str = "services/rest/async/v1/job";
const COLLECTION: &str = "application/vnd.oracle.resource+json; type=collection";
/// What an id or an external id may have in an address.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
const SLOWEST_POLL_MS: u64 = 2000;
/// A name that NetSuite does not know is refused; by default it would be dropped with a warning nobody reads.
const NAMES: (&str, &str) = ("x-netsuite-propertynamevalidation", "error");

/// Calls one account.
pub(crate) struct Client {
    http: HttpClient,
    connection: String,
    limits: Limits,
    texts: Texts,
}

/// Rows of one query.
pub(crate) struct Rows {
    /// The rows.
    pub(crate) rows: Vec<Record>,
    /// More rows follow.
    pub(crate) more: bool,
    /// NetSuite's clock when it answered, where it said so.
    pub(crate) now: Option<DateTime<Utc>>,
}

/// What became of a batch that was handed in.
pub(crate) enum Submitted {
    /// The id of its job.
    Job(String),
    /// The idempotency key was used before, for this job.
    Earlier(String),
}

impl Client {
    /// A client for a connection; nothing is sent yet.
    pub(crate) fn new(connection: &str, settings: &Settings) -> Result<Self> {
        let limits = &settings.limits;
        let mut egress = EgressSettings::new(connection, settings.base_url()?);
        egress.connect_timeout_ms = limits.connect_timeout_ms;
        egress.timeout_ms = limits.timeout_ms;
        egress.max_concurrent = Some(limits.max_concurrent);
        egress.ca_file.clone_from(&settings.ca_file);
        egress.allow_plain_http = settings.allow_plain_http;
        let http = HttpClient::new(egress)?;
        let authorizer = auth::authorizer(settings, http.clone())?;
        Ok(Self {
            http: http.with_authorizer(authorizer),
            connection: connection.to_owned(),
            limits: limits.clone(),
            texts: settings.texts.clone(),
        })
    }

    /// One page of a query.
    pub(crate) async fn query(&self, sql: &str, params: &[String], limit: u32) -> Result<Rows> {
        let request = Request::post_json(SUITEQL, &json!({ "q": sql, "params": params }))
            .reading()
            .header("prefer", "transient")
            .query("limit", limit)
            .query("offset", 0)
            .template("/services/rest/query/v1/suiteql");
        let answer = self.accepted(request, "the query").await?;
        let page: QueryPage = answer.json().map_err(|f| f.at(&*self.connection))?;
        if page.count != page.items.len() {
            let message = format!(
                "NetSuite announces {} rows and sends {}",
                page.count,
                page.items.len()
            );
            return Err(Failure::fault("missing_page", message).at(&*self.connection));
        }
        let rows = page.items.into_iter().map(Record::new).collect::<Result<_>>();
        Ok(Rows {
            rows: rows.map_err(|f| f.at(&*self.connection))?,
            more: page.has_more,
            now: answer
                .header("date")
                .and_then(|date| DateTime::parse_from_rfc2822(date).ok())
                .map(|date| date.to_utc()),
        })
    }

    /// All rows of a query on one table, page by page by id. `sql` selects the column `id` and ends in a condition.
    pub(crate) async fn query_all(&self, sql: &str) -> Result<Vec<Record>> {
        let sql = format!("{sql} AND id > ? ORDER BY id");
        let mut rows = Vec::new();
        let mut last = "-999999999".to_owned();
        loop {
            let page = self.query(&sql, &[last], 1000).await?;
            rows.extend(page.rows);
            if !page.more {
                return Ok(rows);
            }
            last = rows.last().map(Record::id).transpose()?.unwrap_or_default();
        }
    }

    /// A record with all its lines, by id or `eid:` key; `None` where there is none.
    pub(crate) async fn get(&self, record: &str, key: &str) -> Result<Option<Record>> {
        let request = Request::get(record_path(record, key))
            .query("expandSubResources", "true")
            .template("/services/rest/record/v1/{type}/{id}");
        let what = named(record, key);
        match self.accepted(request, &what).await {
            Ok(answer) => {
                let record = answer.json().and_then(Record::new);
                Ok(Some(record.map_err(|f| f.at(&*self.connection))?))
            }
            Err(failure) if failure.code == "not_found" => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Creates a record; its id.
    pub(crate) async fn create(&self, record: &str, key: &str, body: &Value) -> Result<String> {
        let request = Request::post_json(format!("{RECORDS}/{record}"), body)
            .header(NAMES.0, NAMES.1)
            .template("/services/rest/record/v1/{type}");
        let what = named(record, key);
        let answer = self.accepted(request, &what).await?;
        self.location(&answer, &what)
    }

    /// Creates or updates the record that carries an external id; its internal id. The sublists in `replace` are taken
    /// over whole: without that, a repeated upsert would append their lines again.
    pub(crate) async fn upsert(
        &self,
        record: &str,
        key: &str,
        replace: &[&str],
        body: &Value,
    ) -> Result<String> {
        let request = Request::put_json(record_path(record, &format!("eid:{key}")), body);
        let answer = self.replacing(request, record, key, replace).await?;
        self.location(&answer, &named(record, key))
    }

    /// Changes properties of a record.
    pub(crate) async fn update(&self, record: &str, id: &str, replace: &[&str], body: &Value) -> Result<()> {
        let request = Request::patch_json(record_path(record, id), body);
        self.replacing(request, record, id, replace).await.map(drop)
    }

    async fn replacing(
        &self,
        request: Request,
        record: &str,
        key: &str,
        replace: &[&str],
    ) -> Result<Response> {
        let replace = (!replace.is_empty()).then(|| replace.join(","));
        let request = request
            .header(NAMES.0, NAMES.1)
            .query_opt("replace", replace)
            .template("/services/rest/record/v1/{type}/{id}");
        self.accepted(request, &named(record, key)).await
    }

    /// Deletes a record; false where there is none.
    pub(crate) async fn delete(&self, record: &str, key: &str) -> Result<bool> {
        let request =
            Request::delete(record_path(record, key)).template("/services/rest/record/v1/{type}/{id}");
        match self.accepted(request, &named(record, key)).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.code == "not_found" => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Hands in a batch of upserts as one asynchronous job.
    pub(crate) async fn submit(
        &self,
        record: &str,
        items: &[Value],
        idempotency_key: &str,
    ) -> Result<Submitted> {
        let body = json!({ "items": items });
        let request = Request::put_json(format!("{RECORDS}/{record}"), &body)
            .header("content-type", COLLECTION)
            .header("prefer", "respond-async")
            .header("x-netsuite-idempotency-key", idempotency_key)
            .header(NAMES.0, NAMES.1)
            .template("/services/rest/record/v1/{type}");
        let what = format!("{record} batch");
        let answer = self.http.send(request).await?;
        if answer.status.is_success() {
            return self.location(&answer, &what).map(Submitted::Job);
        }
        // The guide shows status 400 for a key that was used before, a client's documentation 409.
        let used = matches!(answer.status.as_u16(), 400 | 409)
            && answer.text().is_ok_and(|text| text.contains("IDEMPOTENCY_ERROR"));
        match answer.header("location").map(last_segment).filter(|_| used) {
            Some(job) => Ok(Submitted::Earlier(job)),
            None => Err(self.judge().failure(&answer, &what)),
        }
    }

    /// Waits until a job has processed all its tasks.
    pub(crate) async fn finished(&self, job: &str) -> Result<()> {
        let deadline = Instant::now() + Duration::from_millis(self.limits.job_timeout_ms);
        let mut pause_ms = self.limits.job_poll_ms;
        loop {
            let request = Request::get(format!("{JOBS}/{job}")).template("/services/rest/async/v1/job/{id}");
            let answer = self.accepted(request, "the batch's job").await?;
            let state: Job = answer.json().map_err(|f| f.at(&*self.connection))?;
            if state.completed || state.progress == "failed" {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let message = format!("NetSuite has not finished job {job} in time: it goes on by itself");
                return Err(Failure::transient("job_unfinished", message).at(&*self.connection));
            }
            egress::pause(Duration::from_millis(pause_ms)).await;
            pause_ms = (pause_ms * 2).min(SLOWEST_POLL_MS);
        }
    }

    /// How one task of a job went, numbered from 1: what the same request would have answered by itself.
    pub(crate) async fn task_result(&self, job: &str, task: usize, what: &str) -> Result<String> {
        let mut request = Request::get(format!("{JOBS}/{job}/task/{task}/result"))
            .template("/services/rest/async/v1/job/{id}/task/{task}/result");
        request
            .headers
            .insert(http::header::ACCEPT, http::HeaderValue::from_static("*/*"));
        let answer = self.http.send(request).await?;
        if answer.status.is_success() {
            return self.location(&answer, what);
        }
        let failure = self.judge().failure(&answer, what);
        if failure.code == "not_found" {
            // An upsert never ends so: it is the result that is missing, of a job that broke off.
            let message = format!("NetSuite keeps no result of {what} in job {job}: look it up by its key");
            return Err(Failure::fault("result_missing", message)
                .outcome_unknown()
                .at(&*self.connection));
        }
        // The status is that of the write: a server error says nothing about what was written.
        Err(if answer.status.is_server_error() {
            failure.outcome_unknown()
        } else {
            failure
        })
    }

    async fn accepted(&self, request: Request, what: &str) -> Result<Response> {
        let answer = self.http.send(request).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(self.judge().failure(&answer, what))
    }

    /// The id at the end of the `Location` header, absolute or relative.
    fn location(&self, answer: &Response, what: &str) -> Result<String> {
        let id = answer
            .header("location")
            .map(last_segment)
            .filter(|id| !id.is_empty());
        id.ok_or_else(|| {
            let message = format!("NetSuite took {what} without saying where it is");
            Failure::fault("undecodable_answer", message)
                .outcome_unknown()
                .at(&*self.connection)
        })
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            connection: &self.connection,
            texts: &self.texts,
            retry_after_ms: self.limits.retry_after_ms,
        }
    }
}

fn record_path(record: &str, key: &str) -> String {
    let (prefix, key) = key.strip_prefix("eid:").map_or(("", key), |key| ("eid:", key));
    format!("{RECORDS}/{record}/{prefix}{}", utf8_percent_encode(key, KEY))
}

fn named(record: &str, key: &str) -> String {
    format!("{record} {}", key.strip_prefix("eid:").unwrap_or(key))
}

fn last_segment(location: &str) -> String {
    let path = location.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned()
}
