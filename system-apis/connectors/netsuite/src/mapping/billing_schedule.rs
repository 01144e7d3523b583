//! Billing schedules: dated charges as recurrences, milestones as milestones.

use canonical_model::{
    BillingEvent, BillingMethod, BillingSchedule, Currency, Failure, Money, RecordRef, Result,
};
use serde_json::Value;

use crate::directory::Lookups;
use crate::settings::Settings;
use crate::wire::{Body, Record, number, refer};

use super::required;
use super::time_entry::Currencies;

/// A schedule. Its amounts are in the currency of the project.
pub(crate) fn to_canonical(
    record: &Record,
    lookups: &Lookups,
    currencies: &Currencies,
    settings: &Settings,
) -> Result<BillingSchedule> {
    let project = required(record, "job")?;
    let currency = currencies.get(&project.id).ok_or_else(|| record.bad("job"))?;
    let currency = lookups.currency_of(currency)?;
    let name = record.text("name").ok_or_else(|| record.bad("name"))?;
    let id = record.text("scheduleType").unwrap_or_default();
    let method = settings.schedule.types.method(&id);
    let mut events = Vec::new();
    for line in record.lines("milestone")? {
        events.push(milestone(&line, currency, &name)?);
    }
    for line in record.lines("recurrence")? {
        events.push(BillingEvent {
            description: name.clone(),
            date: line.day("recurrenceDate")?,
            amount: Money::new(line.amount("amount")?, currency),
            milestone: None,
        });
    }
    Ok(BillingSchedule {
        project,
        method: method.ok_or_else(|| record.unmapped("scheduleType", "schedule.types"))?,
        events,
        name,
    })
}

fn milestone(line: &Record, currency: Currency, name: &str) -> Result<BillingEvent> {
    Ok(BillingEvent {
        description: line.text("comments").unwrap_or_else(|| name.to_owned()),
        date: line.day("milestoneDate")?,
        amount: Money::new(line.amount("milestoneAmount")?, currency),
        milestone: line.reference("projectTask"),
    })
}

/// A schedule's body. Lines are numbered, so that a repeated write finds them again.
///
/// # Errors
/// Business `currency_differs` where a charge is not in the currency of the project, which is that of the schedule.
pub(crate) fn to_netsuite(
    schedule: &BillingSchedule,
    currency: Currency,
    settings: &Settings,
) -> Result<Value> {
    if let Some(other) = schedule
        .events
        .iter()
        .find(|event| event.amount.currency != currency)
    {
        let message = format!(
            "{:?} is in {}, the project in {currency}",
            other.description, other.amount.currency
        );
        return Err(Failure::business("currency_differs", message));
    }
    let by_milestone = schedule.method == BillingMethod::Milestone;
    let numbered = schedule.events.iter().zip(1_u32..);
    let lines = numbered.map(|(event, n)| {
        if by_milestone {
            milestone_line(event, n)
        } else {
            charge_line(event, n)
        }
    });
    let mut body = Body::default();
    body.set("name", schedule.name.as_str())
        .set("scheduleType", refer(settings.schedule.types.id(schedule.method)))
        .refer("job", Some(&schedule.project))
        .set("frequency", refer(&settings.schedule.frequency))
        .set("initialAmount", "0")
        .lines(
            if by_milestone { "milestone" } else { "recurrence" },
            lines.collect(),
        );
    Ok(body.build())
}

fn milestone_line(event: &BillingEvent, n: u32) -> Value {
    let mut line = Body::default();
    // A milestone is a task of the project only where the ERP knows it as one.
    let task = event
        .milestone
        .as_ref()
        .filter(|task: &&RecordRef| super::account::is_id(task));
    line.set("milestoneId", n)
        .refer("projectTask", task)
        .set("milestoneAmount", number(event.amount.amount))
        .date("milestoneDate", Some(event.date))
        .set("comments", event.description.as_str());
    line.build()
}

fn charge_line(event: &BillingEvent, n: u32) -> Value {
    let mut line = Body::default();
    line.set("recurrenceId", n)
        .date("recurrenceDate", Some(event.date))
        .set("amount", number(event.amount.amount));
    line.build()
}
