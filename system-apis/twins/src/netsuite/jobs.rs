//! Asynchronous requests and batches: jobs, their tasks and results.
//!
//! A job keeps the calls it is made of; each task is one transaction that also records its answer, so that a twin that
//! was killed between two tasks goes on with the rest when it starts again. "Succeeded" means processed: how it went is
//! in the task's result.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::NetSuite;
use super::call::{Call, Reply};
use super::errors::{Answer, Refusal};
use super::references::number;
use super::service::RECORD_PATH;
use super::value::instant;
use crate::store::{Caller, Fields, Record, Tables};

const JOBS: &str = "asyncJob";
const TASKS: &str = "asyncTask";
const MOST_ITEMS: usize = 100;

/// A job as the store keeps it.
#[derive(Serialize, Deserialize)]
struct Job {
    key: Option<String>,
    client: String,
    correlation_id: Option<String>,
    calls: Vec<Call>,
}

impl NetSuite {
    /// Whether a request is for the job service rather than for an answer at once.
    pub(super) fn is_asynchronous(call: &Call) -> bool {
        let is_batch_delete = call.method == "DELETE" && call.parameter("ids").is_some();
        call.prefers("respond-async") || is_batch_delete
    }

    /// Takes a request as a job and runs it.
    pub(super) fn submit(&self, caller: &Caller, call: &Call) -> Answer<Reply> {
        let calls = tasks_of(call)?;
        if let Some(segment) = call.segments(RECORD_PATH).first() {
            self.record_type(segment)?;
        }
        let job = Job {
            key: call.idempotency_key.clone(),
            client: caller.name.clone(),
            correlation_id: caller.correlation_id.clone(),
            calls,
        };
        let status = self.settings.idempotency_conflict_status;
        let id = self.store.transact(caller, |tx| {
            let used = job
                .key
                .as_deref()
                .and_then(|key| tx.tables().rows(JOBS).find(|r| r.text("key") == Some(key)));
            if let Some(used) = used {
                return Err(Refusal::same_key(status, job_href(call, &used.id)));
            }
            let id = tx.next(JOBS).to_string();
            let fields = match serde_json::to_value(&job) {
                Ok(Value::Object(fields)) => fields,
                _ => Fields::new(),
            };
            tx.create(JOBS, id.clone(), fields);
            Ok(id)
        })?;
        self.run(&id, &job);
        let location = Some(job_href(call, &id));
        Ok(Reply {
            status: 202,
            location,
            asynchronous: true,
            ..Reply::default()
        })
    }

    fn run(&self, id: &str, job: &Job) {
        let caller = Caller {
            name: job.client.clone(),
            correlation_id: job.correlation_id.clone(),
            ..Caller::default()
        };
        for (at, call) in job.calls.iter().enumerate() {
            let task = format!("{id}/{}", at + 1);
            let outcome = self.store.transact(&caller, |tx| {
                if tx.tables().get(TASKS, &task).is_some() {
                    return Ok(());
                }
                let reply = self.execute(tx, call)?;
                tx.create(TASKS, task.clone(), result(&reply));
                Ok(())
            });
            if let Err(refusal) = outcome {
                let refusal: Refusal = refusal;
                let recorded: Result<(), std::convert::Infallible> = self.store.transact(&caller, |tx| {
                    tx.create(TASKS, task.clone(), result(&refusal.reply()));
                    Ok(())
                });
                let Ok(()) = recorded;
            }
        }
    }

    /// Runs the tasks that a killed twin left behind.
    pub(super) fn resume_jobs(&self) {
        let unfinished: Vec<(String, Job)> = self.store.read(|tables| {
            let jobs = tables.rows(JOBS).filter_map(|r| {
                let job: Job = serde_json::from_value(Value::Object(r.fields.clone())).ok()?;
                (finished(tables, &r.id, job.calls.len()) < job.calls.len()).then(|| (r.id.clone(), job))
            });
            jobs.collect()
        });
        for (id, job) in unfinished {
            self.run(&id, &job);
        }
    }

    /// `GET /services/rest/async/v1/job/...`.
    pub(super) fn job_service(&self, call: &Call) -> Answer<Reply> {
        if call.method != "GET" {
            return Err(Refusal::wrong_method(&call.method));
        }
        let segments = call.segments("/services/rest/async/v1/job");
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        self.store.read(|tables| {
            let (Some(id), rest) = (parts.first(), parts.get(1..).unwrap_or_default()) else {
                return Err(Refusal::no_resource(&call.path));
            };
            let job = tables.get(JOBS, id).ok_or_else(Refusal::no_record)?;
            let done = (self.store.now() - job.created_at).num_milliseconds() >= self.settings.async_job_ms;
            match rest {
                [] => Ok(Reply::body(200, "singular", job_body(call, tables, job, done))),
                ["task"] => Ok(Reply::body(200, "collection", task_list(call, job))),
                ["task", task] => task_body(call, tables, job, task, done),
                ["task", task, "result"] if done => {
                    let stored = tables
                        .get(TASKS, &format!("{id}/{task}"))
                        .ok_or_else(Refusal::no_record)?;
                    serde_json::from_value(stored.get("reply").clone()).map_err(|_| Refusal::no_record())
                }
                ["task", _, "result"] => Err(Refusal::no_record()),
                _ => Err(Refusal::no_resource(&call.path)),
            }
        })
    }
}

fn job_href(call: &Call, id: &str) -> String {
    call.href(&format!("/async/v1/job/{id}"))
}

fn result(reply: &Reply) -> Fields {
    let mut fields = Fields::new();
    fields.insert(
        "reply".to_owned(),
        serde_json::to_value(reply).unwrap_or(Value::Null),
    );
    fields
}

fn finished(tables: &Tables, job: &str, tasks: usize) -> usize {
    (1..=tasks)
        .filter(|n| tables.get(TASKS, &format!("{job}/{n}")).is_some())
        .count()
}

fn tasks(job: &Record) -> usize {
    job.get("calls").as_array().map_or(0, Vec::len)
}

fn job_body(call: &Call, tables: &Tables, job: &Record, due: bool) -> Value {
    let href = job_href(call, &job.id);
    let count = tasks(job);
    let completed = due && finished(tables, &job.id, count) == count;
    let last = tables.get(TASKS, &format!("{}/{count}", job.id));
    let mut body = json!({
        "links": [{ "rel": "self", "href": href }], "id": job.id, "completed": completed,
        "progress": if completed { "succeeded" } else { "pending" }, "startTime": instant(job.created_at),
        "task": { "links": [{ "rel": "self", "href": format!("{href}/task") }] },
    });
    if let (true, Some(last), Some(object)) = (completed, last, body.as_object_mut()) {
        object.insert("endTime".to_owned(), json!(instant(last.created_at)));
    }
    body
}

fn task_list(call: &Call, job: &Record) -> Value {
    let href = format!("{}/task", job_href(call, &job.id));
    let count = tasks(job);
    let items: Vec<Value> = (1..=count)
        .map(|n| json!({ "links": [{ "rel": "self", "href": format!("{href}/{n}") }], "id": n.to_string() }))
        .collect();
    json!({
        "links": [{ "rel": "self", "href": href }], "count": count, "hasMore": false, "offset": 0, "totalResults": count,
        "items": items,
    })
}

fn task_body(call: &Call, tables: &Tables, job: &Record, task: &str, due: bool) -> Answer<Reply> {
    let count = u64::try_from(tasks(job)).unwrap_or(u64::MAX);
    if !(1..=count).contains(&number(task)) {
        return Err(Refusal::no_record());
    }
    let href = format!("{}/task/{task}", job_href(call, &job.id));
    let stored = tables.get(TASKS, &format!("{}/{task}", job.id)).filter(|_| due);
    let mut body = json!({
        "links": [{ "rel": "related", "href": format!("{href}/result") }, { "rel": "self", "href": href }],
        "id": task, "completed": stored.is_some(), "progress": if stored.is_some() { "succeeded" } else { "pending" },
        "startTime": instant(job.created_at),
    });
    if let (Some(stored), Some(object)) = (stored, body.as_object_mut()) {
        object.insert("endTime".to_owned(), json!(instant(stored.created_at)));
    }
    Ok(Reply::body(200, "singular", body))
}

/// The single requests that an asynchronous request stands for.
fn tasks_of(call: &Call) -> Answer<Vec<Call>> {
    let single = |path: String, body: String| Call {
        path,
        body,
        content_type: String::new(),
        prefer: String::new(),
        query: call
            .query
            .iter()
            .filter(|(k, _)| k != "ids" && k != "expandRecords")
            .cloned()
            .collect(),
        ..call.clone()
    };
    let ids = call.list("ids");
    if matches!(call.method.as_str(), "GET" | "DELETE") && !ids.is_empty() {
        at_most(ids.len())?;
        return Ok(ids
            .iter()
            .map(|id| single(format!("{}/{}", call.path, encode(id)), String::new()))
            .collect());
    }
    if !call.is_batch() {
        return Ok(vec![Call {
            prefer: String::new(),
            ..call.clone()
        }]);
    }
    let body = call.json()?;
    let items = body
        .get("items")
        .and_then(Value::as_array)
        .ok_or_else(|| Refusal::invalid_content("A collection must have an 'items' array.", "items"))?;
    at_most(items.len())?;
    let text = |item: &Value, name: &str| match item.get(name) {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let path = |item: &Value| {
        let external = || format!("eid:{}", text(item, "externalId").unwrap_or_default());
        match call.method.as_str() {
            "POST" => Ok(call.path.clone()),
            "PUT" => Ok(format!("{}/{}", call.path, encode(&external()))),
            "PATCH" => Ok(format!(
                "{}/{}",
                call.path,
                encode(&text(item, "id").unwrap_or_else(external))
            )),
            method => Err(Refusal::wrong_method(method)),
        }
    };
    items
        .iter()
        .map(|item| Ok(single(path(item)?, item.to_string())))
        .collect()
}

fn encode(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn at_most(items: usize) -> Answer<()> {
    if (1..=MOST_ITEMS).contains(&items) {
        return Ok(());
    }
    Err(Refusal::invalid_request(format!(
        "A batch must have from 1 to {MOST_ITEMS} records."
    )))
}
