//! Tasks of projects (`projectTask`).

use canonical_model::{Minutes, Result, Task};
use serde_json::Value;

use crate::wire::{Body, Record, number};

use super::required;

const COMPLETE: &str = "COMPLETE";
const IN_PROGRESS: &str = "PROGRESS";

/// A task.
pub(crate) fn to_canonical(record: &Record) -> Result<Task> {
    let planned = match record.number("estimatedWork")? {
        Some(hours) => Some(Minutes::from_hours(hours).ok_or_else(|| record.bad("estimatedWork"))?),
        None => None,
    };
    Ok(Task {
        name: record.text("title").ok_or_else(|| record.bad("title"))?,
        project: required(record, "project")?,
        parent: record.reference("parent"),
        billable: !record.flag("nonBillableTask"),
        planned_minutes: planned,
        start_date: record.date("startDateTime")?,
        end_date: record.date("finishByDate")?.or(record.date("endDate")?),
        completed: is_complete(record),
    })
}

fn is_complete(record: &Record) -> bool {
    record.text("status").as_deref() == Some(COMPLETE)
}

/// A task's body. A task that is open again goes back to work in progress; otherwise an open task keeps its status.
pub(crate) fn to_netsuite(task: &Task, existing: Option<&Record>) -> Value {
    let reopened = existing.is_some_and(is_complete) && !task.completed;
    let status = if task.completed {
        Some(COMPLETE)
    } else {
        reopened.then_some(IN_PROGRESS)
    };
    let mut body = Body::default();
    body.set("title", task.name.as_str())
        .refer("project", Some(&task.project))
        .refer("parent", task.parent.as_ref())
        .set("nonBillableTask", !task.billable)
        .set_opt(
            "estimatedWork",
            task.planned_minutes.map(|minutes| number(minutes.hours())),
        )
        .set_opt("constraintType", task.start_date.map(|_| "FIXEDSTART"))
        .set_opt(
            "startDateTime",
            task.start_date.map(|day| format!("{day}T00:00:00Z")),
        )
        .date("finishByDate", task.end_date)
        .set_opt("status", status);
    body.build()
}
