//! Expenses: made by the people who spend, read and marked here.

use std::collections::BTreeSet;

use canonical_model::{Expense, ListQuery, Result};
use chrono::{DateTime, Utc};
use system_ports::Support;

use super::time_entry::{APPROVAL, complete_lines, line_changed_at, lines_support};
use super::{Noun, Shared, Stamp, between, filter, in_state, is, params, within};
use crate::client::{Object, Params};
use crate::mapping::{View, expense};
use crate::wire::{Envelope, Record};

impl Noun for Expense {
    const OBJECT: Object = Object {
        plural: "expenses",
        singular: "expense",
    };
    const LISTED_BY: Stamp = Stamp::Created;
    const CHANGED_BY: Stamp = Stamp::UpdatedUnsorted;
    const STATES: &'static [&'static str] = APPROVAL;
    const EVENT: &'static str = "expense";
    const EVENTS: &'static [&'static str] = &[
        "expense:deleted",
        "expense_report:created",
        "expense_report:expense_added",
        "expense_report:updated",
    ];
    const REFERENCED_AS: Option<&'static str> = Some("Expense");

    fn support() -> Support {
        lines_support()
    }

    fn params() -> Params {
        params(&[
            ("on_my_account", "true"),
            ("from_archived_workspaces", "true"),
            (
                "include",
                "user,story,active_submission,recent_submission,invoice,external_references",
            ),
        ])
    }

    fn filters(query: &ListQuery) -> Params {
        let mut filters = filter("workspace_id", query.project.as_ref());
        filters.extend(filter("created_by", query.person.as_ref()));
        filters.extend(between("date_expensed_between", query));
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
        expense::read(record, view).map(Some)
    }

    fn changed_at(record: &Record, view: View<'_>) -> Result<DateTime<Utc>> {
        line_changed_at(record, view, expense::SUBMISSIONS)
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, ids: &[String]) -> Result<()> {
        complete_lines(shared, envelope, ("expenses", expense::SUBMISSIONS), ids).await
    }

    /// The expenses of reports.
    async fn concerned(shared: &Shared, _: &str, ids: &BTreeSet<String>) -> Result<Envelope> {
        let what = "reading expenses of reports";
        let by = ("with_recent_expense_report_ids", ids);
        shared.client.by_ids("expenses", by, &Self::params(), what).await
    }
}
