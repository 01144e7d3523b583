//! Planned time on an opportunity, a custom object.

use canonical_model::{Assignment, AssignmentState, Failure, Minutes, RecordRef, Result};

use super::{id_of, lookup, named, state_of, title, word_of};
use crate::settings::Settings;
use crate::soql::hop;
use crate::wire::{Fields, Record};

/// Columns beside the system's own.
pub(crate) fn columns(settings: &Settings) -> Vec<String> {
    let names = &settings.assignment;
    let fields = [
        &names.opportunity,
        &names.person,
        &names.person_email,
        &names.role,
        &names.start_date,
        &names.end_date,
        &names.hours,
        &names.status,
    ];
    let all = fields
        .into_iter()
        .filter_map(|name| name.get())
        .map(str::to_owned);
    all.chain([format!("{}.Name", hop(names.opportunity.name()))])
        .collect()
}

/// The org's words for how firm planned time is.
pub(crate) fn words(settings: &Settings) -> [(AssignmentState, &str); 3] {
    let words = &settings.words.assignment;
    [
        (AssignmentState::Tentative, &words.tentative),
        (AssignmentState::Confirmed, &words.confirmed),
        (AssignmentState::Cancelled, &words.cancelled),
    ]
}

/// Reads planned time.
pub(crate) fn from_record(record: &Record, settings: &Settings) -> Result<Assignment> {
    let names = &settings.assignment;
    let (opportunity, status) = (names.opportunity.name(), record.custom_text(&names.status)?);
    let status = record.needed(names.status.name(), status)?;
    let project = lookup(record, opportunity, &format!("{}.Name", hop(opportunity)))?;
    let email = record.custom_text(&names.person_email)?;
    let person = record.custom_text(&names.person)?.or_else(|| email.clone());
    let hours = record.custom_decimal(&names.hours)?.and_then(Minutes::from_hours);
    let (start, end) = (
        record.custom_date(&names.start_date)?,
        record.custom_date(&names.end_date)?,
    );
    Ok(Assignment {
        project: record.needed(opportunity, project)?,
        person: person.map(|id| RecordRef { id, label: email }),
        role: named(record.custom_text(&names.role)?),
        start_date: record.needed(names.start_date.name(), start)?,
        end_date: record.needed(names.end_date.name(), end)?,
        minutes: record.needed(names.hours.name(), hours)?,
        state: state_of(record, "status", &status, &words(settings))?,
    })
}

/// The fields of a write.
pub(crate) fn to_fields(assignment: &Assignment, settings: &Settings) -> Result<Fields> {
    let names = &settings.assignment;
    if assignment.end_date < assignment.start_date {
        let message = format!(
            "planned time ends on {}, before it begins on {}",
            assignment.end_date, assignment.start_date
        );
        return Err(Failure::business("dates_reversed", message));
    }
    let mut fields = Fields::default();
    let person = assignment.person.as_ref();
    let email = person.and_then(|p| {
        p.label
            .as_deref()
            .into_iter()
            .chain([p.id.as_str()])
            .find(|text| text.contains('@'))
    });
    if let Some(name) = names.title.get() {
        let parts = [id_of(&assignment.role), email.or(id_of(&assignment.person))];
        let shown = parts.into_iter().flatten().collect::<Vec<_>>().join(", ");
        fields.put_some(name, (!shown.is_empty()).then(|| title(&shown)));
    }
    fields.put(names.opportunity.name(), assignment.project.id.as_str());
    fields.put_some(names.person.name(), id_of(&assignment.person));
    if names.person_email.get().is_some() {
        fields.put_some(names.person_email.name(), email);
    }
    fields.put_custom("a role", &names.role, id_of(&assignment.role))?;
    fields.put(names.start_date.name(), assignment.start_date);
    fields.put(names.end_date.name(), assignment.end_date);
    // Two digits are half a minute at most: read back and rounded, the minutes are the same.
    fields.put(names.hours.name(), assignment.minutes.hours().round_dp(2));
    fields.put(names.status.name(), word_of(assignment.state, &words(settings)));
    Ok(fields)
}
