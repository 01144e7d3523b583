//! Tasks: stories of that type.

use canonical_model::{Minutes, Result, Task};
use serde_json::json;

use super::{View, check_days, project_ref, put, task_ref};
use crate::client::Fields;
use crate::wire::Record;

/// The state of a story that is done.
pub(crate) const COMPLETED: &str = "completed";
const NOT_STARTED: &str = "not started";

/// Whether a story is done.
pub(crate) fn is_completed(story: &Record) -> bool {
    story.text("state").as_deref() == Some(COMPLETED)
}

/// Reads a task.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<Task> {
    Ok(Task {
        name: record.needed_text("title")?,
        project: project_ref(view, record.needed_text("workspace_id")?),
        parent: record.text("parent_id").map(|id| task_ref(view, id)),
        billable: record.flag("billable"),
        planned_minutes: record.int("time_estimate_in_minutes")?.map(Minutes::new),
        start_date: record.date("start_date")?,
        end_date: record.date("due_date")?,
        completed: is_completed(record),
    })
}

/// The fields of a write. `current` is the task as it stands, absent for a new one.
pub(crate) fn write(task: &Task, current: Option<&Record>) -> Result<Fields> {
    check_days("a task", task.start_date, task.end_date)?;
    let mut fields = Fields::new();
    put(&mut fields, "title", Some(task.name.as_str()));
    if current.is_none() {
        put(&mut fields, "workspace_id", Some(task.project.id.as_str()));
        put(&mut fields, "story_type", Some("task"));
    }
    put(
        &mut fields,
        "parent_id",
        task.parent.as_ref().map(|parent| parent.id.as_str()),
    );
    fields.insert("billable".to_owned(), json!(task.billable));
    put(
        &mut fields,
        "time_estimate_in_minutes",
        task.planned_minutes.map(Minutes::count),
    );
    put(
        &mut fields,
        "start_date",
        task.start_date.map(|day| day.to_string()),
    );
    put(&mut fields, "due_date", task.end_date.map(|day| day.to_string()));
    put(&mut fields, "state", state(task.completed, current));
    Ok(fields)
}

/// The state to set: a task that is under way stays so.
pub(crate) fn state(completed: bool, current: Option<&Record>) -> Option<&'static str> {
    let was = current.is_some_and(is_completed);
    match (was, completed) {
        (false, true) => Some(COMPLETED),
        (true, false) => Some(NOT_STARTED),
        _ => None,
    }
}
