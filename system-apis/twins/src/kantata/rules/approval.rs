//! Timesheets and expense reports: submitted, approved, rejected, also long after their approval.

use chrono::{Datelike, Duration, NaiveDate};
use serde_json::{Value, json};

use super::project::join;
use super::{Done, text, with_defaults};
use crate::kantata::call::{Call, Request, Response, View, date, fields as pairs, yes};
use crate::kantata::computed::active_submission;
use crate::kantata::errors::ApiError;
use crate::kantata::events::{self, Subject};
use crate::kantata::schema::Collection;
use crate::kantata::{include, list, params};
use crate::store::{Fields, Record};

/// What differs between the two kinds.
struct Kind {
    lines: &'static str,
    ids: &'static str,
    day: &'static str,
    added: &'static str,
}

fn kind(collection: &Collection) -> Kind {
    if collection.name == "timesheet_submissions" {
        Kind {
            lines: "time_entries",
            ids: "line_item_ids",
            day: "date_performed",
            added: "timesheet:time_entry_added",
        }
    } else {
        Kind {
            lines: "expenses",
            ids: "expense_ids",
            day: "date",
            added: "expense_report:expense_added",
        }
    }
}

/// Puts lines of one person and one project on a new submission.
pub(super) fn submit(call: &mut Call<'_, '_>, collection: &Collection, mut fields: Fields) -> Done<String> {
    let kind = kind(collection);
    let ids = include::list(&fields.remove(kind.ids).unwrap_or_default());
    let lines: Vec<Record> = ids.iter().filter_map(|id| call.get(kind.lines, id)).collect();
    let person = check_lines(
        call.view(),
        collection,
        &kind,
        text(&fields, "workspace_id"),
        &lines,
    )?;
    let mut days: Vec<NaiveDate> = lines.iter().filter_map(|line| date(line, kind.day)).collect();
    days.sort_unstable();
    let monday = |day: &NaiveDate| *day - Duration::days(day.weekday().num_days_from_monday().into());
    let start = days.first().map(monday).map(|d| d.to_string());
    let end = days.last().map(|d| (monday(d) + Duration::days(6)).to_string());
    fields.insert("user_id".to_owned(), person.into());
    let fields = with_defaults(
        fields,
        [
            ("status", "pending".into()),
            ("start_date", start.into()),
            ("end_date", end.into()),
            ("comment", Value::Null),
            ("current_resolution_description", Value::Null),
        ],
    );
    let id = call.insert(&collection.name, fields);
    for line in &lines {
        call.change(
            kind.lines,
            &line.id,
            pairs([("recent_submission_id", id.clone().into())]),
        );
        let added = Subject {
            event_type: kind.added,
            subject_type: collection.event_subject().unwrap_or_default(),
            collection: &collection.name,
            id: &id,
        };
        events::raw(call, &added, None, None);
    }
    Ok(id)
}

/// The person whose lines these are, when they can be submitted together.
fn check_lines(
    view: View<'_>,
    collection: &Collection,
    kind: &Kind,
    workspace: Option<&str>,
    lines: &[Record],
) -> Done<String> {
    let person = lines
        .first()
        .and_then(|line| line.text("user_id"))
        .map(str::to_owned);
    let wrong = |message: &str| Err(ApiError::invalid(kind.ids, message));
    if lines.iter().any(|line| line.text("workspace_id") != workspace) {
        return wrong("Line items must all belong to the project");
    }
    if lines.iter().any(|line| line.text("user_id") != person.as_deref()) {
        return wrong("Line items must all belong to one user");
    }
    if lines
        .iter()
        .any(|line| active_submission(view, &collection.name, line).is_some())
    {
        return wrong("Line items have already been submitted");
    }
    check_lock(view, kind, &lines.iter().collect::<Vec<_>>())?;
    person.ok_or_else(|| ApiError::blank(kind.ids))
}

fn check_lock(view: View<'_>, kind: &Kind, lines: &[&Record]) -> Done<()> {
    let lock = view.account.lock_date(view.tables);
    let locked = lock.is_some_and(|lock| {
        lines
            .iter()
            .any(|line| date(line, kind.day).is_some_and(|day| day <= lock))
    });
    if locked {
        return Err(ApiError::invalid("base", "Submission has locked line items"));
    }
    Ok(())
}

/// What is done with a submission: the word in a path, the status that follows, the type of the resolution.
const ACTIONS: [(&str, &str, &str); 3] = [
    ("approve", "approved", "approval"),
    ("reject", "rejected", "rejection"),
    ("cancel", "cancelled", "cancellation"),
];

/// `PUT /<submissions>/<id>/approve|reject|cancel`.
pub(in super::super) fn resolve_one(
    call: &mut Call<'_, '_>,
    collection: &Collection,
    (id, action): (&str, &str),
    request: &Request,
) -> Done<Response> {
    let action = ACTIONS
        .into_iter()
        .find(|(word, ..)| *word == action)
        .ok_or_else(ApiError::not_found)?;
    let description = request
        .body
        .get("resolution")
        .and_then(|r| r.get("description"))
        .and_then(params::text);
    resolve(call, collection, id, action, description)?;
    Ok(list::some(call.view(), collection, &[id.to_owned()], request))
}

/// `POST /timesheet_approvals|rejections|cancellations`: several at once, all or none.
pub(in super::super) fn resolve_several(
    call: &mut Call<'_, '_>,
    kind: &str,
    request: &Request,
) -> Done<Response> {
    let action = ACTIONS
        .into_iter()
        .find(|(.., kind_of)| format!("timesheet_{kind_of}s") == kind);
    let action = action.ok_or_else(ApiError::not_found)?;
    let schema = &call.account.schema;
    let (Some(sheets), Some(resolutions)) = (schema.get("timesheet_submissions"), schema.get("resolutions"))
    else {
        return Err(ApiError::not_found());
    };
    let body = request.body.get("resolution");
    let description = body.and_then(|r| r.get("description")).and_then(params::text);
    let ids = body
        .and_then(|r| r.get("submission_ids"))
        .and_then(params::text)
        .unwrap_or_default();
    let mut made = Vec::new();
    for id in params::parts(&ids) {
        made.push(resolve(call, sheets, id, action, description.clone())?);
    }
    if made.is_empty() {
        return Err(ApiError::blank("submission_ids"));
    }
    Ok(list::some(call.view(), resolutions, &made, request))
}

/// Resolves a submission and returns the id of the resolution.
fn resolve(
    call: &mut Call<'_, '_>,
    collection: &Collection,
    id: &str,
    (word, status, resolution): (&str, &str, &str),
    description: Option<String>,
) -> Done<String> {
    let record = super::super::write::visible(call, collection, id)?;
    let kind = kind(collection);
    let line_ids = check_resolution(call, collection, &kind, &record, word)?;
    let me = Value::from(call.who.user_id.as_str());
    let changes = pairs([
        ("status", status.into()),
        ("current_resolution_description", description.into()),
        ("current_resolution_creator_id", me.clone()),
        (
            "current_resolution_created_at_date",
            call.today().to_string().into(),
        ),
    ]);
    call.change(&collection.name, id, changes);
    if call.account.settings.approval_touches_entries {
        for line in line_ids {
            call.change(kind.lines, &line, Fields::new());
        }
    }
    let before = call.view().having("resolutions", "target_id", id);
    let before: Vec<String> = before
        .into_iter()
        .filter(|r| yes(r, "current"))
        .map(|r| r.id.clone())
        .collect();
    for old in before {
        call.change("resolutions", &old, pairs([("current", false.into())]));
    }
    if let (Some(workspace), "approve") = (record.text("workspace_id"), word) {
        // Whoever approves takes part in the project from then on.
        let user = call.who.user_id.clone();
        join(call, workspace, &user, None, false);
    }
    let made = json!({"type": resolution, "target_type": collection.event_subject(), "target_id": id, "user_id": me, "current": true});
    Ok(call.insert("resolutions", made.as_object().cloned().unwrap_or_default()))
}

/// Refuses what cannot be done; returns the ids of the lines.
fn check_resolution(
    call: &Call<'_, '_>,
    collection: &Collection,
    kind: &Kind,
    record: &Record,
    word: &str,
) -> Done<Vec<String>> {
    let view = call.view();
    let project = view.follow(record, "workspace_id", "workspaces");
    let approver = project.is_some_and(|p| include::list(p.get("approver_ids")).contains(&call.who.user_id));
    let own = record.text("user_id") == Some(&call.who.user_id);
    let may = call.who.administrator() || approver || (word == "cancel" && own);
    if !may {
        return Err(ApiError::forbidden("resolve this submission"));
    }
    let fits = match record.text("status") {
        Some("pending") => true,
        Some("approved") => word == "reject",
        _ => false,
    };
    if !fits {
        let status = record.text("status").unwrap_or_default();
        return Err(ApiError::invalid(
            "base",
            format!("Submission cannot be changed: it is {status}"),
        ));
    }
    let lines = view.having(kind.lines, "recent_submission_id", &record.id);
    check_lock(view, kind, &lines)?;
    let expenses = call
        .account
        .schema
        .get("expenses")
        .filter(|_| collection.name == "expense_report_submissions" && word == "reject");
    let locked = expenses.is_some_and(|expenses| {
        let mut references = lines
            .iter()
            .flat_map(|line| include::of_record(view, expenses, line));
        references.any(|reference| yes(reference, "locked"))
    });
    if locked {
        return Err(ApiError::invalid(
            "base",
            "Expense report is locked by an external reference",
        ));
    }
    Ok(lines.iter().map(|line| line.id.clone()).collect())
}
