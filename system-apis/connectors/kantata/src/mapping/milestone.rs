//! Milestones: stories of that type with a billing milestone, which holds what is paid.

use canonical_model::{Milestone, MilestoneState, Result};
use serde_json::json;

use super::task::{is_completed, state};
use super::{View, currency, money, project_ref, put, subunits};
use crate::client::Fields;
use crate::wire::{Envelope, Record};

/// The billing milestone of a story. Where there are several, the oldest.
pub(crate) fn billing<'e>(envelope: &'e Envelope, story_id: &str) -> Option<&'e Record> {
    let own = envelope
        .all("billing_milestones")
        .filter(|b| b.text("story_id").as_deref() == Some(story_id));
    own.min_by_key(|b| b.text("id").map(|id| (id.len(), id)))
}

/// Reads a milestone; a story without a billing milestone is none that is paid for.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<Option<Milestone>> {
    let Some(billing) = billing(view.envelope, &record.id()?) else {
        return Ok(None);
    };
    billing.shown_to_finance("amount_in_cents")?;
    let amount = billing.int("amount_in_cents")?;
    let amount = money(
        billing,
        billing.needed("amount_in_cents", amount)?,
        currency(billing)?,
    )?;
    let due = match record.date("due_date")? {
        Some(due) => Some(due),
        None => billing.date("date_to_invoice")?,
    };
    let state = match (record.flag("archived"), is_completed(record)) {
        (true, false) => MilestoneState::Cancelled,
        (_, true) => MilestoneState::Completed,
        (false, false) => MilestoneState::Planned,
    };
    // Kantata does not say when a story was completed; its last change is the closest that it says.
    let changed = record.time("updated_at")?.map(|time| time.date_naive());
    Ok(Some(Milestone {
        name: record.needed_text("title")?,
        project: project_ref(view, record.needed_text("workspace_id")?),
        due_date: record.needed("due_date", due)?,
        amount,
        state,
        completed_on: changed.filter(|_| state == MilestoneState::Completed),
    }))
}

/// The fields of the story. `current` is the story as it stands, absent for a new one.
pub(crate) fn write_story(milestone: &Milestone, current: Option<&Record>) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "title", Some(milestone.name.as_str()));
    if current.is_none() {
        put(&mut fields, "workspace_id", Some(milestone.project.id.as_str()));
        put(&mut fields, "story_type", Some("milestone"));
    }
    put(&mut fields, "due_date", Some(milestone.due_date.to_string()));
    let completed = milestone.state == MilestoneState::Completed;
    put(&mut fields, "state", state(completed, current));
    let cancelled = milestone.state == MilestoneState::Cancelled;
    if cancelled || current.is_some_and(|current| current.flag("archived")) {
        fields.insert("archived".to_owned(), json!(cancelled));
    }
    fields
}

/// The fields of the billing milestone; `current` as above. Empty where nothing has to be written.
pub(crate) fn write_billing(
    milestone: &Milestone,
    story_id: &str,
    current: Option<&Record>,
) -> Result<Fields> {
    let cents = subunits(milestone.amount, "a milestone")?;
    let due = milestone.due_date.to_string();
    let same = current.is_some_and(|current| {
        current.int("amount_in_cents").ok().flatten() == Some(cents)
            && current.text("title").as_deref() == Some(milestone.name.as_str())
            && current.text("date_to_invoice").as_deref() == Some(due.as_str())
    });
    let mut fields = Fields::new();
    if same {
        return Ok(fields);
    }
    put(&mut fields, "title", Some(milestone.name.as_str()));
    put(&mut fields, "amount_in_cents", Some(cents));
    put(&mut fields, "date_to_invoice", Some(due));
    if current.is_none() {
        put(&mut fields, "workspace_id", Some(milestone.project.id.as_str()));
        put(&mut fields, "story_id", Some(story_id));
        put(&mut fields, "billing_type", Some("upon_completion"));
    }
    Ok(fields)
}
