//! Wishes for people: a request for a seat on a project, with the time that is allocated to the seat.

use canonical_model::{Minutes, ResourceRequest, ResourceRequestState, Result};

use super::{View, person_ref, project_ref, role_ref, unmapped};
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

/// The time allocated to a seat, in the order of its days.
pub(crate) fn allocations<'e>(envelope: &'e Envelope, seat: &str) -> Vec<&'e Record> {
    let of_seat = envelope
        .all("workspace_allocations")
        .filter(|a| a.text("workspace_resource_id").as_deref() == Some(seat));
    let mut found: Vec<&Record> = of_seat.collect();
    found.sort_by_key(|a| (a.text("start_date"), a.text("id")));
    found
}

/// Reads a request. One for a seat that is gone, or without a role or days, says nothing that could be staffed.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<Option<ResourceRequest>> {
    let Some(seat) = view.envelope.follow(record, "resource_id", "workspace_resources") else {
        return Ok(None);
    };
    let allocations = allocations(view.envelope, &seat.id()?);
    let days = |name: &str| -> Result<Vec<_>> {
        let days: Result<Vec<_>> = allocations.iter().map(|a| a.date(name)).collect();
        Ok(days?.into_iter().flatten().collect())
    };
    let (start, end) = (
        days("start_date")?.into_iter().min(),
        days("end_date")?.into_iter().max(),
    );
    let (Some(role), Some(start_date), Some(end_date)) = (seat.text("role_id"), start, end) else {
        return Ok(None);
    };
    let mut minutes = Minutes::default();
    for allocation in &allocations {
        minutes = minutes + Minutes::new(allocation.int("minutes")?.unwrap_or(0));
    }
    Ok(Some(ResourceRequest {
        project: project_ref(view, seat.needed_text("workspace_id")?),
        role: role_ref(view, role),
        start_date,
        end_date,
        minutes,
        state: state(record, view.settings)?,
        person: seat.text("user_id").map(|id| person_ref(view, id)),
        note: allocations.first().and_then(|a| a.text("notes")),
    }))
}

/// Where a request stands.
pub(crate) fn state(record: &Record, settings: &Settings) -> Result<ResourceRequestState> {
    let status = record.needed_text("status")?;
    let words = &settings.words.request;
    let known = [
        (ResourceRequestState::Open, &words.open),
        (ResourceRequestState::Fulfilled, &words.fulfilled),
        (ResourceRequestState::Cancelled, &words.cancelled),
    ];
    let found = known
        .into_iter()
        .find(|(_, words)| words.iter().any(|word| word.eq_ignore_ascii_case(&status)));
    found
        .map(|(state, _)| state)
        .ok_or_else(|| unmapped(record, "the status", &status))
}
