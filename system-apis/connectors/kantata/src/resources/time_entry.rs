//! Time entries: made by the people who work, read and marked here.

use std::collections::BTreeSet;

use canonical_model::{ListQuery, Result, TimeEntry};
use chrono::{DateTime, Utc};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::{Noun, Shared, Stamp, between, filter, in_state, is, params, within};
use crate::client::{Object, Params};
use crate::mapping::{View, submission, time_entry};
use crate::wire::{Envelope, Record};

/// States of approval.
pub(super) const APPROVAL: &[&str] = &["draft", "submitted", "approved", "rejected"];

/// What time entries and expenses can do alike. Links are references of which a record has one for each system.
pub(super) fn lines_support() -> Support {
    Support {
        verbs: vec![Verb::List, Verb::Read, Verb::Changes, Verb::Link],
        filters: vec![Filter::Project, Filter::Person, Filter::State, Filter::Date],
        find_by: Vec::new(),
        idempotency: Idempotency::NaturallyIdempotent,
        consistency: Consistency::ReadAfterWrite,
        bulk_size: 1,
    }
}

/// The newer of a line's stamp and that of its submission: an approval may move the second alone.
pub(super) fn line_changed_at(record: &Record, view: View<'_>, submissions: &str) -> Result<DateTime<Utc>> {
    let own = record.instant("updated_at")?;
    let submission = submission(view.envelope, record, submissions);
    let theirs = submission.map(|s| s.instant("updated_at")).transpose()?.flatten();
    record.needed("updated_at", own.max(theirs))
}

/// Loads what lines refer to and did not come along.
pub(super) async fn complete_lines(
    shared: &Shared,
    envelope: &mut Envelope,
    (lines, submissions): (&'static str, &'static str),
    ids: &[String],
) -> Result<()> {
    let sheets: BTreeSet<String> = ["active_submission_id", "recent_submission_id"]
        .into_iter()
        .flat_map(|field| envelope.ids_in(lines, ids, field))
        .collect();
    let sheets: Vec<String> = sheets.into_iter().collect();
    let approvers = envelope.ids_in(submissions, &sheets, "current_resolution_creator_id");
    let missing = approvers
        .into_iter()
        .filter(|id| envelope.get("users", id).is_none());
    let missing = missing.collect();
    shared.load_people(envelope, missing).await?;
    let projects = envelope.ids_in(lines, ids, "workspace_id");
    shared.load_projects(envelope, projects).await
}

impl Noun for TimeEntry {
    const OBJECT: Object = Object {
        plural: "time_entries",
        singular: "time_entry",
    };
    const LISTED_BY: Stamp = Stamp::Created;
    const CHANGED_BY: Stamp = Stamp::Updated;
    const STATES: &'static [&'static str] = APPROVAL;
    const EVENT: &'static str = "time_entry";
    const EVENTS: &'static [&'static str] = &[
        "time_entry:deleted",
        "timesheet:created",
        "timesheet:time_entry_added",
        "timesheet:updated",
    ];
    const REFERENCED_AS: Option<&'static str> = Some("TimeEntry");

    fn support() -> Support {
        lines_support()
    }

    fn params() -> Params {
        params(&[
            ("on_my_account", "true"),
            ("from_archived_workspaces", "true"),
            (
                "include",
                "user,role,story,active_submission,recent_submission,invoice,external_references",
            ),
        ])
    }

    fn filters(query: &ListQuery) -> Params {
        let mut filters = filter("workspace_id", query.project.as_ref());
        filters.extend(filter("with_user_ids", query.person.as_ref()));
        filters.extend(between("date_performed_between", query));
        // Whatever its value, this one means true: it is left out for the other states.
        if query.state.as_deref() == Some("approved") {
            filters.extend(params(&[("approved", "true")]));
        }
        filters
    }

    fn keeps(&self, query: &ListQuery) -> bool {
        is(query.project.as_ref(), Some(&self.project.id))
            && is(query.person.as_ref(), Some(&self.person.id))
            && in_state(query.state.as_ref(), self.approval)
            && within(self.date, query)
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        time_entry::read(record, view).map(Some)
    }

    fn changed_at(record: &Record, view: View<'_>) -> Result<DateTime<Utc>> {
        line_changed_at(record, view, time_entry::SUBMISSIONS)
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, ids: &[String]) -> Result<()> {
        complete_lines(shared, envelope, ("time_entries", time_entry::SUBMISSIONS), ids).await
    }

    /// The entries of timesheets.
    async fn concerned(shared: &Shared, _: &str, ids: &BTreeSet<String>) -> Result<Envelope> {
        let what = "reading time entries of timesheets";
        let by = ("with_recent_timesheet_ids", ids);
        shared
            .client
            .by_ids("time_entries", by, &Self::params(), what)
            .await
    }
}
