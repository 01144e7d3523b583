//! Time entries.

use canonical_model::{Minutes, RecordRef, Result, TimeEntry};

use super::rates::per_hour;
use super::{
    Approval, View, approval, currency, entity_of, money, person_ref, project_ref, role_ref, task_ref,
};
use crate::wire::Record;

/// The collection of the submissions that entries are put on.
pub(crate) const SUBMISSIONS: &str = "timesheet_submissions";

/// Reads a time entry.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<TimeEntry> {
    let currency = currency(record)?;
    record.shown_to_finance("rate_in_cents")?;
    let rate = |name: &str| -> Result<_> {
        let amount = record.int(name)?;
        amount
            .map(|amount| Ok(per_hour(money(record, amount, currency)?)))
            .transpose()
    };
    let Approval { state, by, at } = approval(view, record, SUBMISSIONS, record.flag("approved"))?;
    let (date, minutes) = (record.date("date_performed")?, record.int("time_in_minutes")?);
    let workspace = view.envelope.follow(record, "workspace_id", "workspaces");
    Ok(TimeEntry {
        person: person_ref(view, record.needed_text("user_id")?),
        project: project_ref(view, record.needed_text("workspace_id")?),
        task: record.text("story_id").map(|id| task_ref(view, id)),
        role: record.text("role_id").map(|id| role_ref(view, id)),
        date: record.needed("date_performed", date)?,
        minutes: Minutes::new(record.needed("time_in_minutes", minutes)?),
        billable: record.flag("billable"),
        rate: rate("rate_in_cents")?,
        cost_rate: rate("cost_rate_in_cents")?,
        legal_entity: workspace.and_then(|workspace| entity_of(view, workspace)),
        tax_code: None,
        note: record.text("notes"),
        approval: state,
        approved_by: by,
        approved_at: at,
        invoice: record.text("invoice_id").map(RecordRef::id),
        reverses: None,
    })
}
