//! Bulk API 2.0 ingest: many rows as one CSV, each with an outcome of its own.
//!
//! A job that completed says nothing about its rows: their results are fetched and matched by the identity column that
//! each row carries, because the vendor keeps no order.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use canonical_model::{Failure, Result, Written};
use egress::Request;
use http::Method;
use serde::Serialize;
use tokio::time::Instant;

use crate::client::{Client, json_request};
use crate::failure;
use crate::wire::{Fields, Job};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NewJob<'a> {
    object: &'a str,
    operation: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id_field_name: Option<&'a str>,
    content_type: &'a str,
    line_ending: &'a str,
}

/// What is done with the rows.
#[derive(Clone, Copy)]
pub(crate) enum Operation<'a> {
    /// By our key in this field.
    Upsert(&'a str),
    /// By record id.
    Update,
}

impl<'a> Operation<'a> {
    fn column(self) -> &'a str {
        match self {
            Self::Upsert(field) => field,
            Self::Update => "Id",
        }
    }

    /// The form in which identities are compared: the vendor ignores the case of keys, but not that of short ids.
    fn comparable(self, identity: &str) -> String {
        match self {
            Self::Upsert(_) => identity.to_ascii_lowercase(),
            Self::Update => identity.to_owned(),
        }
    }
}

impl Client {
    /// Writes rows through a job; one outcome each, in the order given. Identities are distinct.
    ///
    /// # Errors
    /// When the job as a whole failed; the outcome says whether rows may have been written.
    pub(crate) async fn bulk(
        &self,
        object: &str,
        operation: Operation<'_>,
        rows: &[(&str, &Fields)],
        what: &str,
    ) -> Result<Vec<Result<Written>>> {
        let csv = csv_of(operation.column(), rows)?;
        let job = self.open_job(object, operation, what).await?;
        let data = Request::put_bytes(
            self.path(&format!("jobs/ingest/{}/batches", job.id)),
            "text/csv; charset=UTF-8",
            csv,
        )
        .template("/services/data/{version}/jobs/ingest/{job}/batches");
        // Uploaded rows are not touched before the job is closed: whatever happens until then, nothing is written.
        self.send(data, what).await.map_err(not_applied)?;
        let closing = self.close_job(&job.id, what).await;
        let closed_for_sure = match closing {
            Ok(()) => true,
            Err(failure) if failure.is_unknown() => false,
            Err(failure) => return Err(failure),
        };
        let job = self.finished(&job.id, closed_for_sure, what).await?;
        let mut outcomes = self
            .outcomes(&job, operation, what)
            .await
            .map_err(Failure::outcome_unknown)?;
        let rows = rows.iter().map(|(identity, _)| {
            outcomes
                .remove(&operation.comparable(identity))
                .unwrap_or_else(|| {
                    let message = format!("{what} {identity}: the bulk job has no result for it");
                    Err(Failure::fault("unexpected_answer", message)
                        .outcome_unknown()
                        .at(self.connection()))
                })
        });
        Ok(rows.collect())
    }

    async fn open_job(&self, object: &str, operation: Operation<'_>, what: &str) -> Result<Job> {
        let body = match operation {
            Operation::Upsert(field) => NewJob {
                object,
                operation: "upsert",
                external_id_field_name: Some(field),
                content_type: "CSV",
                line_ending: "LF",
            },
            Operation::Update => NewJob {
                object,
                operation: "update",
                external_id_field_name: None,
                content_type: "CSV",
                line_ending: "LF",
            },
        };
        let request = json_request(Method::POST, self.path("jobs/ingest"), &body)?
            .template("/services/data/{version}/jobs/ingest");
        let response = self.send(request, what).await.map_err(not_applied)?;
        response.json().map_err(not_applied)
    }

    async fn close_job(&self, id: &str, what: &str) -> Result<()> {
        let state = serde_json::json!({"state": "UploadComplete"});
        let request = json_request(Method::PATCH, self.path(&format!("jobs/ingest/{id}")), &state)?
            .template("/services/data/{version}/jobs/ingest/{job}");
        self.send(request, what).await.map(drop)
    }

    /// The job when it has ended. A closing whose answer was lost shows in the state.
    async fn finished(&self, id: &str, closed_for_sure: bool, what: &str) -> Result<Job> {
        let deadline = Instant::now() + Duration::from_secs(self.limits.bulk_timeout_s);
        let mut pause = FIRST_PAUSE;
        loop {
            let request = Request::get(self.path(&format!("jobs/ingest/{id}")))
                .template("/services/data/{version}/jobs/ingest/{job}");
            let job: Job = self
                .send(request, what)
                .await
                .and_then(|r| r.json())
                .map_err(Failure::outcome_unknown)?;
            match job.state.as_str() {
                "JobComplete" | "Failed" | "Aborted" => return Ok(job),
                "Open" if !closed_for_sure => {
                    let message = format!("{what}: the bulk job was not started");
                    return Err(Failure::transient("bulk_job_not_started", message).at(self.connection()));
                }
                "UploadComplete" | "InProgress" | "Open" => {}
                state => {
                    let message = format!("{what}: the bulk job is in state {state:?}, which is not known");
                    return Err(Failure::fault("unexpected_answer", message)
                        .outcome_unknown()
                        .at(self.connection()));
                }
            }
            if Instant::now() >= deadline {
                let message =
                    format!("{what}: bulk job {id} is still running; its rows are looked up by their keys");
                return Err(Failure::transient("bulk_job_running", message)
                    .outcome_unknown()
                    .at(self.connection()));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Outcome by identity.
    async fn outcomes(
        &self,
        job: &Job,
        operation: Operation<'_>,
        what: &str,
    ) -> Result<HashMap<String, Result<Written>>> {
        let identity = |row: &HashMap<String, String>| {
            row.get(operation.column())
                .map(|value| operation.comparable(value))
                .unwrap_or_default()
        };
        let mut outcomes = HashMap::new();
        for row in self.results(job, "successfulResults", what).await? {
            let id = row.get("sf__Id").cloned().unwrap_or_default();
            let created = row.get("sf__Created").map(|c| c.eq_ignore_ascii_case("true"));
            let written = Written {
                id,
                code: None,
                version: None,
                created,
            };
            outcomes.insert(identity(&row), Ok(written));
        }
        for row in self.results(job, "failedResults", what).await? {
            let refusal = failure::bulk_refusal(row.get("sf__Error").map(String::as_str).unwrap_or_default());
            let named = format!(
                "{what} {}",
                row.get(operation.column())
                    .map(String::as_str)
                    .unwrap_or_default()
            );
            let failure = failure::of_record(std::slice::from_ref(&refusal), self.asked(&named));
            outcomes.insert(identity(&row), Err(failure.at(self.connection())));
        }
        for row in self.results(job, "unprocessedrecords", what).await? {
            outcomes.insert(identity(&row), Err(self.unprocessed(job, what)));
        }
        Ok(outcomes)
    }

    /// The failure of rows that the job never came to.
    fn unprocessed(&self, job: &Job, what: &str) -> Failure {
        let why = job.error_message.as_deref().unwrap_or_default();
        let message = format!(
            "{what}: the bulk job ended as {} before this row: {why}",
            job.state
        );
        let failure = if why.contains("Field name not found") {
            Failure::fault("field_not_visible", message)
        } else {
            Failure::transient("bulk_job_ended_early", message)
        };
        failure.at(self.connection())
    }

    async fn results(&self, job: &Job, kind: &str, what: &str) -> Result<Vec<HashMap<String, String>>> {
        let request = Request::get(self.path(&format!("jobs/ingest/{}/{kind}", job.id)))
            .header("accept", "text/csv")
            .template("/services/data/{version}/jobs/ingest/{job}/results");
        let response = self.send(request, what).await?;
        let rows: std::result::Result<Vec<_>, csv::Error> = csv::Reader::from_reader(response.body.as_ref())
            .deserialize()
            .collect();
        rows.map_err(|error| {
            let message = format!("{what}: the results of the bulk job cannot be read");
            Failure::fault("undecodable_answer", message)
                .with_detail(error.to_string())
                .at(self.connection())
        })
    }
}

fn not_applied(failure: Failure) -> Failure {
    Failure {
        outcome: canonical_model::Outcome::NotApplied,
        ..failure
    }
}

/// One column for each field that any row has: an empty cell leaves a field as it is.
fn csv_of(identity: &str, rows: &[(&str, &Fields)]) -> Result<Vec<u8>> {
    let columns: BTreeSet<&str> = rows
        .iter()
        .flat_map(|(_, fields)| fields.iter().map(|(name, _)| name))
        .collect();
    let unencodable = |error: String| {
        Failure::fault(
            "unencodable_request",
            "a write to Salesforce cannot be put into CSV",
        )
        .with_detail(error)
    };
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\n'))
        .from_writer(Vec::new());
    let header = std::iter::once(identity).chain(columns.iter().copied());
    writer
        .write_record(header)
        .map_err(|error| unencodable(error.to_string()))?;
    for (value, fields) in rows {
        let cells = columns
            .iter()
            .map(|column| fields.get(column).map(crate::wire::Cell::csv).unwrap_or_default());
        let line = std::iter::once((*value).to_owned()).chain(cells);
        writer
            .write_record(line)
            .map_err(|error| unencodable(error.to_string()))?;
    }
    writer
        .into_inner()
        .map_err(|error| unencodable(error.to_string()))
}
