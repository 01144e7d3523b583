//! Tasks (`project.work` of type `task`). Their number is our key; whether hours are charged, and the dates, stand in the
//! tag in the comment.

use canonical_model::{Failure, Result, Task};
use serde_json::Value;

use crate::resources::works::Works;
use crate::settings::ProjectSettings;
use crate::tag::Tag;
use crate::wire::{Record, duration, id_of};

use super::Values;

/// What is read of a task.
pub(crate) const FIELDS: [&str; 8] = [
    "name",
    "number",
    "type",
    "parent",
    "comment",
    "status",
    "effort_duration",
    "timesheet_available",
];

/// A task; `None` for one that belongs to no project.
pub(crate) fn to_canonical(
    record: &Record,
    works: &Works,
    settings: &ProjectSettings,
) -> Result<Option<Task>> {
    let id = record.id()?;
    let Some(project) = works.project_of(id) else {
        return Ok(None);
    };
    let tag = Tag::of(record.text("comment").as_deref());
    let day = |name: &str| {
        let text = tag.get(name)?;
        Some(text.parse().map_err(|_| {
            let message = format!("the comment of task {id} in Tryton says {name} {text:?}, which is no day");
            Failure::fault("unmapped_value", message)
        }))
    };
    Ok(Some(Task {
        name: record.text("name").ok_or_else(|| record.bad("name"))?,
        project,
        parent: works.parent_task(id),
        billable: tag.get("billable") != Some("false"),
        planned_minutes: record.minutes("effort_duration")?,
        start_date: day("start").transpose()?,
        end_date: day("end").transpose()?,
        completed: is_done(record, settings),
    }))
}

fn is_done(record: &Record, settings: &ProjectSettings) -> bool {
    record
        .integer("status")
        .is_some_and(|status| settings.done.contains(&status))
}

/// A task as the values of a work. `existing` is the task as it is.
///
/// # Errors
/// Business `invalid_reference` for a project that is no id.
pub(crate) fn to_tryton(
    task: &Task,
    existing: Option<&Record>,
    key: &str,
    company: i64,
    settings: &ProjectSettings,
) -> Result<Value> {
    let comment = existing.and_then(|record| record.text("comment"));
    let mut tag = Tag::of(comment.as_deref());
    tag.set("billable", Some(task.billable));
    tag.set("start", task.start_date);
    tag.set("end", task.end_date);
    let within = task.parent.as_ref().unwrap_or(&task.project);
    let mut values = Values::default();
    values
        .change("name", task.name.as_str(), existing)
        .change("comment", tag.within(comment.as_deref()), existing)
        .change("parent", id_of(within, "project")?, existing);
    if task.planned_minutes
        != existing
            .map(|record| record.minutes("effort_duration"))
            .transpose()?
            .flatten()
    {
        values.set_opt("effort_duration", task.planned_minutes.map(duration));
    }
    let done = existing.map(|record| is_done(record, settings));
    if done != Some(task.completed) {
        let (status, progress) = if task.completed {
            (&settings.done, Some(1))
        } else {
            (&settings.open, None)
        };
        values
            .set_opt("status", status.first().copied())
            .set("progress", progress);
    }
    if !existing.is_some_and(|record| record.flag("timesheet_available")) {
        values.set("timesheet_available", true);
    }
    if existing.is_none() {
        values
            .set("type", "task")
            .set("number", key)
            .set("company", company);
    }
    Ok(values.build())
}

#[cfg(test)]
mod tests {
    use canonical_model::{Minutes, RecordRef};
    use serde_json::json;

    use super::*;
    use crate::mapping::tests::{record, settings};

    #[test]
    fn a_task_knows_its_project_through_other_tasks() {
        let rows = [
            record(json!({"id": 1, "name": "Helios", "number": "HEL-1", "type": "project", "parent": null})),
            record(json!({"id": 2, "name": "Delivery", "type": "task", "parent": 1})),
            record(json!({
                "id": 3, "name": "Design", "type": "task", "parent": 2, "status": 2, "timesheet_available": true,
                "comment": "fairlead: billable=false start=2026-10-01",
                "effort_duration": {"__class__": "timedelta", "seconds": 3600}
            })),
        ];
        let settings = settings().project;
        let works = Works::of(&rows);
        let task = to_canonical(&rows[2], &works, &settings).unwrap().unwrap();
        assert_eq!(task.project, RecordRef::labelled("1", "HEL-1"));
        assert_eq!(task.parent.as_ref().unwrap().id, "2");
        assert_eq!((task.billable, task.completed), (false, true));
        assert_eq!(task.planned_minutes, Some(Minutes::new(60)));
        let same = to_tryton(&task, Some(&rows[2]), "k", 1, &settings).unwrap();
        assert_eq!(same, json!({}));
        let open = Task {
            completed: false,
            ..task
        };
        let values = to_tryton(&open, Some(&rows[2]), "k", 1, &settings).unwrap();
        assert_eq!(values, json!({"status": 1, "progress": null}));
        let made = to_tryton(&open, None, "q2p-t", 1, &settings).unwrap();
        assert_eq!((&made["number"], &made["parent"]), (&json!("q2p-t"), &json!(2)));
    }
}
