//! Time: entries of people on projects, and the weekly sheets they belong to.

use chrono::{Datelike, Duration};
use serde_json::Value;

use super::period;
use super::project::check_task;
use super::{Write, require};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{
    date_of, default_flag, default_text, flag_of, lines_of, minutes, put_text, text_of,
};
use crate::store::{Fields, Record};

/// Mark on a time entry that an invoice bills it: the invoice's id.
pub(super) const BILLED_BY: &str = "_invoice";
const DAY_MINUTES: i64 = 24 * 60;

pub(super) fn time_bill(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    old: Option<&Fields>,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    if old.is_some_and(|old| text_of(old, BILLED_BY).is_some() && changes_value(old, fields)) {
        return Err(Refusal::user_error(
            "This time entry has been billed and cannot be changed.",
        ));
    }
    let hours = text_of(fields, "hours").unwrap_or_default();
    let negative = write.twin.settings.take_negative_time;
    let taken = |m: i64| (1..=DAY_MINUTES).contains(&if negative { m.abs() } else { m });
    if !minutes(hours).is_some_and(taken) {
        return Err(Refusal::invalid_value(hours, "hours", "hours"));
    }
    must_be_active(write, fields, "employee", "employee")?;
    must_be_active(write, fields, "item", "serviceSaleItem")?;
    check_project(write, fields)?;
    check_task(write, fields, "caseTaskEvent", "customer")?;
    complete(write, fields);
    if flag_of(fields, "isBillable") {
        let missing: Vec<String> = [("customer", "Customer"), ("item", "Item")]
            .into_iter()
            .filter(|(name, _)| text_of(fields, name).is_none())
            .map(|(_, label)| label.to_owned())
            .collect();
        if !missing.is_empty() {
            return Err(Refusal::missing(&missing));
        }
    }
    check_sheet(write, fields)?;
    let days = [
        old.and_then(|o| date_of(o, "tranDate")),
        date_of(fields, "tranDate"),
    ];
    let refuse = write.twin.settings.refuse_time_in_closed_periods;
    if refuse
        && days
            .into_iter()
            .flatten()
            .any(|day| !period::takes_time(write.view(), day))
    {
        return Err(period::outside());
    }
    Ok(())
}

fn changes_value(old: &Fields, new: &Fields) -> bool {
    [
        "hours",
        "rate",
        "customer",
        "employee",
        "item",
        "isBillable",
        "tranDate",
    ]
    .into_iter()
    .any(|f| old.get(f) != new.get(f))
}

fn must_be_active(write: &Write<'_, '_>, fields: &Fields, field: &str, record: &str) -> Answer<()> {
    let inactive = write
        .view()
        .follow(fields, field, record)
        .is_some_and(|r| flag_of(r, "isInactive"));
    if inactive {
        return Err(Refusal::invalid_value(
            text_of(fields, field).unwrap_or_default(),
            field,
            field,
        ));
    }
    Ok(())
}

fn check_project(write: &Write<'_, '_>, fields: &Fields) -> Answer<()> {
    let Some(project) = write.view().follow(fields, "customer", "job") else {
        return Ok(());
    };
    let closed = &write.twin.settings.closed_job_statuses;
    let status = text_of(project, "entityStatus").unwrap_or_default();
    if flag_of(project, "isInactive") || !flag_of(project, "allowTime") || closed.iter().any(|c| c == status)
    {
        return Err(Refusal::user_error("The project does not allow time entry."));
    }
    let task = write.view().follow(fields, "caseTaskEvent", "projectTask");
    if let (true, Some(task)) = (flag_of(project, "limitTimeToAssignees"), task) {
        let employee = text_of(fields, "employee");
        if !lines_of(task, "assignee")
            .iter()
            .any(|a| text_of(a, "resource") == employee)
        {
            return Err(Refusal::invalid_value(
                employee.unwrap_or_default(),
                "employee",
                "employee",
            ));
        }
    }
    Ok(())
}

fn complete(write: &Write<'_, '_>, fields: &mut Fields) {
    let view = write.view();
    let of_employee = view
        .follow(fields, "employee", "employee")
        .and_then(|e| text_of(e, "subsidiary"))
        .map(str::to_owned);
    let project = view
        .follow(fields, "customer", "job")
        .or_else(|| view.follow(fields, "customer", "customer"));
    let of_project = project.and_then(|p| text_of(p, "subsidiary")).map(str::to_owned);
    let price = view
        .follow(fields, "item", "serviceSaleItem")
        .and_then(|i| i.get("basePrice"))
        .cloned();
    for (name, value) in [("subsidiary", of_employee), ("billingSubsidiary", of_project)] {
        if let Some(value) = value {
            default_text(fields, name, value);
        }
    }
    default_flag(fields, "isBillable", false);
    default_text(fields, "timeType", "A");
    if flag_of(fields, "supervisorApproval")
        && text_of(fields, "approvalStatus").is_none_or(|s| s == "1" || s == "2")
    {
        put_text(fields, "approvalStatus", "3");
    }
    default_text(fields, "approvalStatus", "1");
    let approved = text_of(fields, "approvalStatus") == Some("3");
    fields.insert("supervisorApproval".to_owned(), Value::Bool(approved));
    if let (true, None, Some(price)) = (flag_of(fields, "isBillable"), fields.get("rate"), price) {
        fields.insert("rate".to_owned(), price);
    }
    default_flag(fields, "posted", false);
}

fn check_sheet(write: &Write<'_, '_>, fields: &Fields) -> Answer<()> {
    let Some(sheet) = write.view().follow(fields, "timesheet", "timeSheet") else {
        return Ok(());
    };
    let inside = match (
        date_of(sheet, "startDate"),
        date_of(sheet, "endDate"),
        date_of(fields, "tranDate"),
    ) {
        (Some(from), Some(to), Some(day)) => (from..=to).contains(&day),
        _ => false,
    };
    if inside && sheet.get("employee") == fields.get("employee") {
        return Ok(());
    }
    Err(Refusal::invalid_value(
        text_of(fields, "timesheet").unwrap_or_default(),
        "timesheet",
        "timesheet",
    ))
}

/// A billed time entry stays, and so does one in a closed period.
pub(super) fn may_delete(write: &Write<'_, '_>, row: &Record) -> Answer<()> {
    if row.text(BILLED_BY).is_some() {
        return Err(Refusal::user_error(
            "This time entry has been billed and cannot be deleted.",
        ));
    }
    let day = date_of(&row.fields, "tranDate");
    let closed = day.is_some_and(|day| !period::takes_time(write.view(), day));
    if closed && write.twin.settings.refuse_time_in_closed_periods {
        return Err(period::outside());
    }
    Ok(())
}

pub(super) fn time_sheet(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    let Some(day) = date_of(fields, "tranDate") else {
        return Ok(());
    };
    let first = day - Duration::days(i64::from(day.weekday().num_days_from_sunday()));
    default_text(fields, "startDate", first.to_string());
    let first = date_of(fields, "startDate").unwrap_or(first);
    default_text(fields, "endDate", (first + Duration::days(6)).to_string());
    default_text(fields, "approvalStatus", "1");
    default_text(fields, "lockstatus", "unlocked");
    let view = write.view();
    let (employee, start) = (fields.get("employee").cloned(), fields.get("startDate").cloned());
    let same = |r: &Record| {
        r.id != id
            && Some(r.get("employee")) == employee.as_ref()
            && Some(r.get("startDate")) == start.as_ref()
    };
    if view.tables.rows("timeSheet").any(same) {
        return Err(Refusal::user_error(
            "A timesheet for this employee and week already exists.",
        ));
    }
    let person = view.follow(fields, "employee", "employee");
    let person = person.and_then(|e| text_of(e, "entityId")).unwrap_or_default();
    let name = format!("{person} : {first}");
    let subsidiary = view
        .follow(fields, "employee", "employee")
        .and_then(|e| text_of(e, "subsidiary"))
        .map(str::to_owned);
    put_text(fields, "name", name);
    if let Some(subsidiary) = subsidiary {
        put_text(fields, "subsidiary", subsidiary);
    }
    Ok(())
}
