//! Assignments as resource allocations: NetSuite makes its forecast of cost from them.

use canonical_model::{Assignment, AssignmentState, Failure, Minutes, RecordRef, Result};
use serde_json::Value;

use crate::directory::Lookups;
use crate::settings::Settings;
use crate::wire::{Body, Record, number, refer};

use super::required;

const HOURS: &str = "H";

/// An allocation.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups, settings: &Settings) -> Result<Assignment> {
    let hours = match record.text("allocationUnit").as_deref() {
        Some(HOURS) => record.amount("allocationAmount")?,
        _ => record.amount("numberHours")?,
    };
    let kind = record.text("allocationType").unwrap_or_default();
    let state = if kind == settings.allocation.confirmed {
        AssignmentState::Confirmed
    } else if kind == settings.allocation.tentative {
        AssignmentState::Tentative
    } else {
        return Err(record.unmapped("allocationType", "allocation.confirmed or .tentative"));
    };
    Ok(Assignment {
        project: required(record, "project")?,
        person: lookups.person(record, "allocationResource"),
        role: record
            .custom(settings.fields.allocation_role.as_ref())
            .map(RecordRef::id),
        start_date: record.day("startDate")?,
        end_date: record.day("endDate")?,
        minutes: Minutes::from_hours(hours).ok_or_else(|| record.bad("allocationAmount"))?,
        state,
    })
}

/// An allocation's body.
///
/// # Errors
/// Business `person_missing`: NetSuite plans people, not seats.
pub(crate) fn to_netsuite(assignment: &Assignment, settings: &Settings) -> Result<Value> {
    let person = assignment.person.as_ref().ok_or_else(|| {
        Failure::business(
            "person_missing",
            "NetSuite plans the time of people: this assignment has nobody in it yet",
        )
    })?;
    let kind = match assignment.state {
        AssignmentState::Tentative => &settings.allocation.tentative,
        _ => &settings.allocation.confirmed,
    };
    let mut body = Body::default();
    body.refer("allocationResource", Some(person))
        .refer("project", Some(&assignment.project))
        .date("startDate", Some(assignment.start_date))
        .date("endDate", Some(assignment.end_date))
        .set("allocationAmount", number(assignment.minutes.hours()))
        .set("allocationUnit", refer(HOURS))
        .set("allocationType", refer(kind))
        .custom(
            settings.fields.allocation_role.as_ref(),
            assignment.role.as_ref().map(|role| role.id.clone()),
        );
    Ok(body.build())
}
