//! Planned time: allocations of time to a seat on a project.

use canonical_model::{Assignment, AssignmentState, Minutes, Result};

use super::{View, person_ref, project_ref, role_ref};
use crate::wire::Record;

/// Reads planned time. Person and role are those of the seat.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<Option<Assignment>> {
    let Some(seat) = view
        .envelope
        .follow(record, "workspace_resource_id", "workspace_resources")
    else {
        return Ok(None);
    };
    let (start, end) = (record.date("start_date")?, record.date("end_date")?);
    let minutes = record.int("minutes")?;
    Ok(Some(Assignment {
        project: project_ref(view, record.needed_text("workspace_id")?),
        person: seat.text("user_id").map(|id| person_ref(view, id)),
        role: seat.text("role_id").map(|id| role_ref(view, id)),
        start_date: record.needed("start_date", start)?,
        end_date: record.needed("end_date", end)?,
        minutes: Minutes::new(record.needed("minutes", minutes)?),
        state: if record.flag("hard") {
            AssignmentState::Confirmed
        } else {
            AssignmentState::Tentative
        },
    }))
}
