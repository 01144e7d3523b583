//! Projects, their tasks, allocations and charges.

use chrono::{Datelike, NaiveDate, Weekday};
use rust_decimal::Decimal;
use serde_json::Value;

use super::entity::belongs_to;
use super::money::{base_currency, customer_currencies};
use super::{Write, require};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{
    date_of, default_flag, default_text, flag_of, number_of, put_number, round, text_of,
};
use crate::store::Fields;

pub(super) fn job(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    let view = write.view();
    let subsidiary = text_of(fields, "subsidiary").unwrap_or_default().to_owned();
    let mut currency = base_currency(view, &subsidiary);
    if let Some(customer) = text_of(fields, "parent").map(str::to_owned) {
        if !belongs_to(view, &customer, &subsidiary) {
            return Err(Refusal::user_error(
                "The subsidiary of the project must be a subsidiary of its customer.",
            ));
        }
        if let Some(customer) = view.fields("customer", &customer) {
            let allowed = customer_currencies(customer);
            if let Some(wanted) = text_of(fields, "currency").filter(|c| !allowed.iter().any(|a| a == c)) {
                return Err(Refusal::invalid_value(wanted, "currency", "currency"));
            }
            currency = allowed.into_iter().next().unwrap_or(currency);
        }
    }
    default_text(fields, "currency", currency);
    let name = text_of(fields, "entityId").unwrap_or_default().to_owned();
    let parent = fields.get("parent").cloned().unwrap_or(Value::Null);
    let taken = |r: &crate::store::Record| {
        r.id != id && r.text("entityId") == Some(&name) && *r.get("parent") == parent
    };
    if view.tables.rows("job").any(taken) {
        return Err(Refusal::user_error(
            "A project record with this ID already exists",
        ));
    }
    default_text(fields, "companyName", name);
    default_text(fields, "entityStatus", "2");
    for (flag, value) in [
        ("allowTime", true),
        ("allowExpenses", true),
        ("allowAllResourcesForTasks", true),
        ("limitTimeToAssignees", false),
        ("isInactive", false),
    ] {
        default_flag(fields, flag, value);
    }
    in_order(fields, "startDate", "projectedEndDate")
}

fn in_order(fields: &Fields, start: &str, end: &str) -> Answer<()> {
    match (date_of(fields, start), date_of(fields, end)) {
        (Some(from), Some(to)) if to < from => Err(Refusal::user_error(
            "The end date must be on or after the start date.",
        )),
        _ => Ok(()),
    }
}

pub(super) fn task(write: &mut Write<'_, '_>, record: &RecordType, fields: &mut Fields) -> Answer<()> {
    require(record, fields)?;
    let parent = write.view().follow(fields, "parent", "projectTask");
    if let Some(parent) = parent
        && parent.get("project") != fields.get("project")
    {
        let id = text_of(fields, "parent").unwrap_or_default();
        return Err(Refusal::invalid_value(id, "parent", "parent"));
    }
    default_text(fields, "status", "NOTSTART");
    default_text(fields, "priority", "MEDIUM");
    default_text(fields, "constraintType", "ASAP");
    default_flag(fields, "nonBillableTask", false);
    Ok(())
}

/// Refuses a task that belongs to another project.
pub(super) fn check_task(write: &Write<'_, '_>, fields: &Fields, task: &str, project: &str) -> Answer<()> {
    let belongs = write
        .view()
        .follow(fields, task, "projectTask")
        .map(|t| t.get("project") == fields.get(project));
    if belongs == Some(false) {
        return Err(Refusal::invalid_value(
            text_of(fields, task).unwrap_or_default(),
            task,
            task,
        ));
    }
    Ok(())
}

pub(super) fn allocation(write: &mut Write<'_, '_>, record: &RecordType, fields: &mut Fields) -> Answer<()> {
    require(record, fields)?;
    let view = write.view();
    let resource = view.follow(fields, "allocationResource", "employee");
    if resource.is_some_and(|r| flag_of(r, "isInactive") || !flag_of(r, "isJobResource")) {
        let id = text_of(fields, "allocationResource").unwrap_or_default();
        return Err(Refusal::invalid_value(
            id,
            "allocationResource",
            "allocationResource",
        ));
    }
    check_task(write, fields, "projectTask", "project")?;
    in_order(fields, "startDate", "endDate")?;
    let (Some(from), Some(to)) = (date_of(fields, "startDate"), date_of(fields, "endDate")) else {
        return Ok(());
    };
    let amount = number_of(fields, "allocationAmount").unwrap_or_default();
    let in_percent = text_of(fields, "allocationUnit") == Some("P");
    let hundred = Decimal::from(100);
    if amount <= Decimal::ZERO || (in_percent && amount > hundred) {
        return Err(Refusal::invalid_value(
            &amount.to_string(),
            "allocationAmount",
            "allocationAmount",
        ));
    }
    let capacity = Decimal::from(8 * workdays(from, to));
    let (hours, percent) = if in_percent {
        (amount * capacity / hundred, amount)
    } else {
        (amount, amount.checked_div(capacity).unwrap_or_default() * hundred)
    };
    put_number(fields, "numberHours", round(hours, 2));
    put_number(fields, "percentOfTime", round(percent, 2));
    Ok(())
}

fn workdays(from: NaiveDate, to: NaiveDate) -> i64 {
    let days = from.iter_days().take_while(|d| *d <= to);
    let count = days
        .filter(|d| !matches!(d.weekday(), Weekday::Sat | Weekday::Sun))
        .count();
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn charge(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    old: Option<&Fields>,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    if old.is_some_and(|o| text_of(o, "invoice").is_some()) {
        return Err(Refusal::user_error(
            "This charge has been billed and cannot be changed.",
        ));
    }
    let view = write.view();
    let bill_to = view
        .follow(fields, "billTo", "job")
        .or_else(|| view.follow(fields, "billTo", "customer"));
    for name in ["subsidiary", "currency"] {
        if let Some(value) = bill_to.and_then(|b| text_of(b, name)).map(str::to_owned) {
            default_text(fields, name, value);
        }
    }
    default_text(fields, "use", "Actual");
    check_task(write, fields, "projectTask", "billTo")
}
