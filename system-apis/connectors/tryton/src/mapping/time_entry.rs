//! Time entries (`timesheet.line`). Their `uuid`, which Tryton keeps unique, is our key.

use canonical_model::{ApprovalState, Failure, RecordRef, Resource, Result, TimeEntry};
use serde_json::{Value, json};
use system_ports::{Verb, not_supported};

use crate::directory::Lookups;
use crate::resources::VENDOR;
use crate::resources::works::Works;
use crate::wire::{Record, date, duration, id_of};

use super::check_entity;

/// What is read of a line.
pub(crate) const FIELDS: [&str; 10] = [
    "uuid",
    "employee",
    "company",
    "company.party.name",
    "date",
    "duration",
    "description",
    "work",
    "work.origin",
    "invoice_line.invoice",
];

/// The piece of work that a line is on: Tryton names it as `project.work,12`.
pub(crate) fn work_of(record: &Record) -> Option<i64> {
    let origin = record.text("work.origin")?;
    origin.strip_prefix("project.work,")?.parse().ok()
}

/// A line; `None` for one on something else than a project. Tryton keeps no approval: what is there counts.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups, works: &Works) -> Result<Option<TimeEntry>> {
    let Some(work) = work_of(record) else {
        return Ok(None);
    };
    let Some(project) = works.project_of(work) else {
        return Ok(None);
    };
    let person = record.integer("employee").ok_or_else(|| record.bad("employee"))?;
    let invoice = record.integer("invoice_line.invoice");
    Ok(Some(TimeEntry {
        person: lookups.person(person),
        project,
        task: works.task(work),
        role: None,
        date: record.day("date")?,
        minutes: record
            .minutes("duration")?
            .ok_or_else(|| record.bad("duration"))?,
        billable: works.is_billable(work),
        rate: None,
        cost_rate: None,
        legal_entity: record.reference("company", "company.party.name"),
        tax_code: None,
        note: record.text("description"),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: invoice.map(|id| RecordRef::id(id.to_string())),
        reverses: None,
    }))
}

/// A time entry as the values of a line on the timesheet work `work`.
///
/// # Errors
/// Business `capability_absent` for a reversal; Business `invalid_value` for negative time; Business `not_approved`;
/// Business `invalid_reference`.
pub(crate) fn to_tryton(entry: &TimeEntry, work: i64, key: &str, lookups: &Lookups) -> Result<Value> {
    check_entity(entry.legal_entity.as_ref(), lookups)?;
    if entry.reverses.is_some() {
        return Err(not_supported(VENDOR, TimeEntry::NAME, Verb::Reverse));
    }
    if entry.minutes.count() < 0 {
        let message = format!(
            "Tryton takes no negative time: {} h on {} cannot be written",
            entry.minutes.hours(),
            entry.date
        );
        return Err(Failure::business("invalid_value", message));
    }
    if entry.approval != ApprovalState::Approved {
        let message = "Tryton keeps no approval of time: only approved time is written there";
        return Err(Failure::business("not_approved", message));
    }
    Ok(json!({
        "company": lookups.company,
        "employee": id_of(&entry.person, "person")?,
        "date": date(entry.date),
        "duration": duration(entry.minutes),
        "work": work,
        "description": entry.note,
        "uuid": key,
    }))
}

/// Whether a line is as it shall be; what differs otherwise.
pub(crate) fn difference(values: &Value, record: &Record) -> Option<Value> {
    let mut changed = serde_json::Map::new();
    for (name, value) in values.as_object().into_iter().flatten() {
        let same = match name.as_str() {
            // A duration comes back with a fraction.
            "duration" => {
                let seconds = value.get("seconds").and_then(Value::as_i64);
                let minutes = record.minutes("duration").ok().flatten();
                minutes.map(|minutes| minutes.count() * 60) == seconds
            }
            name => record.at(name).unwrap_or(&Value::Null) == value,
        };
        if !same && name != "uuid" {
            changed.insert(name.clone(), value.clone());
        }
    }
    (!changed.is_empty()).then_some(Value::Object(changed))
}

#[cfg(test)]
mod tests {
    use canonical_model::Minutes;

    use super::*;
    use crate::mapping::tests::{day, lookups, record};

    fn line() -> Record {
        record(json!({
            "id": 5, "uuid": "t2i-1", "employee": 1, "company": 1, "company.": {"id": 1, "party.": {"id": 1, "name": "Northwind"}},
            "date": day("2026-11-20"), "duration": {"__class__": "timedelta", "seconds": 27000.0}, "description": "Grid",
            "work": 3, "work.": {"id": 3, "origin": "project.work,2"},
            "invoice_line.": {"id": 8, "invoice": 4}
        }))
    }

    fn works() -> Works {
        Works::of(&[
            record(json!({"id": 1, "name": "Helios", "number": "HEL-1", "type": "project"})),
            record(
                json!({"id": 2, "name": "Design", "type": "task", "parent": 1, "comment": "fairlead: billable=false"}),
            ),
        ])
    }

    #[test]
    fn a_line_is_read_with_its_project_and_written_as_it_was() {
        let entry = to_canonical(&line(), &lookups(), &works()).unwrap().unwrap();
        assert_eq!(entry.project, RecordRef::labelled("1", "HEL-1"));
        assert_eq!(
            (entry.task.as_ref().unwrap().id.as_str(), entry.billable),
            ("2", false)
        );
        assert_eq!(entry.minutes, Minutes::new(450));
        assert_eq!(entry.invoice, Some(RecordRef::id("4")));
        let values = to_tryton(&entry, 3, "t2i-1", &lookups()).unwrap();
        assert_eq!(difference(&values, &line()), None);
        let longer = TimeEntry {
            minutes: Minutes::new(460),
            ..entry
        };
        let values = to_tryton(&longer, 3, "t2i-1", &lookups()).unwrap();
        assert_eq!(
            difference(&values, &line()),
            Some(json!({"duration": duration(longer.minutes)}))
        );
    }

    #[test]
    fn what_tryton_cannot_hold_is_refused_and_not_bent() {
        let entry = to_canonical(&line(), &lookups(), &works()).unwrap().unwrap();
        let code = |entry: &TimeEntry| to_tryton(entry, 3, "k", &lookups()).unwrap_err().code;
        let back = TimeEntry {
            minutes: Minutes::new(-450),
            ..entry.clone()
        };
        assert_eq!(code(&back), "invalid_value");
        let reversal = TimeEntry {
            reverses: Some(RecordRef::id("4")),
            ..back
        };
        assert_eq!(code(&reversal), "capability_absent");
        let draft = TimeEntry {
            approval: ApprovalState::Draft,
            ..entry.clone()
        };
        assert_eq!(code(&draft), "not_approved");
        let elsewhere = TimeEntry {
            legal_entity: Some(RecordRef::id("2")),
            ..entry
        };
        assert_eq!(code(&elsewhere), "invalid_reference");
        let orphan = record(json!({"id": 5, "work.": {"id": 3, "origin": null}}));
        assert_eq!(to_canonical(&orphan, &lookups(), &works()).unwrap(), None);
    }
}
