//! Tasks, milestones, deliverables and issues: a tree in each project.

use serde_json::Value;

use super::{Done, text, with_defaults};
use crate::kantata::call::{Call, View, fields as pairs, yes};
use crate::kantata::computed;
use crate::kantata::errors::ApiError;
use crate::store::{Fields, Record};

const LONGEST_TITLE: usize = 200;
const DEEPEST: usize = 4;
const TYPES: [&str; 4] = ["task", "deliverable", "milestone", "issue"];
const PRIORITIES: [&str; 4] = ["critical", "high", "normal", "low"];
const STATES: [&str; 4] = ["not started", "started", "needs info", "completed"];
const ISSUE_STATES: [&str; 9] = [
    "new",
    "reopened",
    "in progress",
    "blocked",
    "fixed",
    "duplicate",
    "can't reproduce",
    "resolved",
    "won't fix",
];

pub(super) fn create(call: &mut Call<'_, '_>, fields: Fields) -> Done<String> {
    let workspace_id = text(&fields, "workspace_id").unwrap_or_default().to_owned();
    let view = call.view();
    let project = view
        .get("workspaces", &workspace_id)
        .ok_or_else(ApiError::not_found)?;
    let position =
        i64::try_from(view.having("stories", "workspace_id", &workspace_id).len()).unwrap_or(0) + 1;
    let issue = text(&fields, "story_type") == Some("issue");
    let defaults = [
        ("story_type", "task".into()),
        ("state", if issue { "new" } else { "not started" }.into()),
        ("priority", "normal".into()),
        ("position", position.into()),
        ("archived", false.into()),
        ("billable", (!yes(project, "tasks_default_non_billable")).into()),
        (
            "fixed_fee",
            yes(project, "stories_are_fixed_fee_by_default").into(),
        ),
        ("time_trackable", true.into()),
        ("percentage_complete", 0.into()),
    ];
    let mut fields = with_defaults(fields, defaults);
    check(view, &workspace_id, &mut fields, None)?;
    Ok(call.insert("stories", fields))
}

pub(super) fn update(call: &mut Call<'_, '_>, record: &Record, mut fields: Fields) -> Done<()> {
    let workspace_id = record.text("workspace_id").unwrap_or_default();
    check(call.view(), workspace_id, &mut fields, Some(record))?;
    call.change("stories", &record.id, fields);
    Ok(())
}

fn check(view: View<'_>, workspace_id: &str, fields: &mut Fields, record: Option<&Record>) -> Done<()> {
    let listed = |name: &str, known: &[&str], human: &str| match text(fields, name) {
        Some(value) if !known.contains(&value) => Err(ApiError::invalid(
            name,
            format!("{human} is not included in the list"),
        )),
        _ => Ok(()),
    };
    listed("story_type", &TYPES, "Story type")?;
    listed("priority", &PRIORITIES, "Priority")?;
    listed(
        "state",
        &[STATES.as_slice(), ISSUE_STATES.as_slice()].concat(),
        "State",
    )?;
    let title = fields.get("title");
    if title.is_some_and(|t| t.as_str().is_none_or(|t| t.trim().is_empty())) {
        return Err(ApiError::blank("title"));
    }
    if text(fields, "title").is_some_and(|t| t.chars().count() > LONGEST_TITLE) {
        return Err(ApiError::invalid(
            "title",
            "Title is too long (maximum is 200 characters)",
        ));
    }
    if let Some(parent) = text(fields, "parent_id").and_then(|id| view.get("stories", id)) {
        let above = computed::ancestors(view, parent).len() + 1;
        let below = record.map_or(0, |r| computed::depth_below(view, &r.id));
        let loops =
            record.is_some_and(|r| r.id == parent.id || computed::ancestors(view, parent).contains(&r.id));
        if parent.text("workspace_id") != Some(workspace_id) || loops || above + below > DEEPEST {
            return Err(ApiError::invalid("parent_id", "Parent is invalid"));
        }
    }
    let share = fields.get("percentage_complete").and_then(Value::as_i64);
    if share.is_some_and(|p| !(0..=100).contains(&p)) {
        return Err(ApiError::invalid(
            "percentage_complete",
            "Percentage complete must be between 0 and 100",
        ));
    }
    if text(fields, "state") == Some("completed") {
        fields.insert("percentage_complete".to_owned(), 100.into());
    }
    Ok(())
}

/// Deletes what is below a task; time that was logged to any of it stays, on no task.
pub(super) fn delete(call: &mut Call<'_, '_>, record: &Record) {
    let below: Vec<Record> = call
        .view()
        .having("stories", "parent_id", &record.id)
        .into_iter()
        .cloned()
        .collect();
    for story in &below {
        delete(call, story);
        call.remove("stories", &story.id);
    }
    let ids = |table: &str, call: &Call<'_, '_>| -> Vec<String> {
        call.view()
            .having(table, "story_id", &record.id)
            .into_iter()
            .map(|r| r.id.clone())
            .collect()
    };
    for id in ids("time_entries", call) {
        call.change("time_entries", &id, pairs([("story_id", Value::Null)]));
    }
    for id in ids("assignments", call) {
        call.remove("assignments", &id);
    }
}

/// Whether a task takes time.
pub(super) fn takes_time(story: &Record, workspace_id: &str) -> bool {
    story.text("workspace_id") == Some(workspace_id) && yes(story, "time_trackable")
}
