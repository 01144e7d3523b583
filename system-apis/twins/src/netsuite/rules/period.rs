//! Accounting periods: which one a date falls into, and whether it takes postings.

use chrono::NaiveDate;
use serde_json::Value;

use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::references::View;
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{date_of, flag_of, text_of};
use crate::store::{Fields, Record};

/// Fields that do not touch the ledger: they may change although the period is closed.
const FREE_FIELDS: [&str; 5] = ["memo", "otherRefNum", "dueDate", "externalId", "approvalStatus"];

/// The refusal that integrators recorded for a date whose period is closed or missing.
pub(super) fn outside() -> Refusal {
    Refusal::user_error(
        "The transaction date you specified is not within the date range of your accounting period.",
    )
}

fn covers(period: &Fields, day: NaiveDate) -> bool {
    date_of(period, "startDate").is_some_and(|start| start <= day)
        && date_of(period, "endDate").is_some_and(|end| day <= end)
}

/// The posting period of a day.
pub(super) fn of_day<'a>(view: View<'a>, day: NaiveDate) -> Option<&'a Record> {
    let posting = |p: &&Record| flag_of(&p.fields, "isPosting") && !flag_of(&p.fields, "isInactive");
    view.tables
        .rows("accountingPeriod")
        .filter(posting)
        .find(|p| covers(&p.fields, day))
}

/// Whether a period takes no postings of a kind of transaction.
fn is_closed(period: &Fields, record: &RecordType) -> bool {
    let side = if record.name == "expenseReport" {
        "apLocked"
    } else {
        "arLocked"
    };
    let locked = record.name != "journalEntry" && flag_of(period, side);
    flag_of(period, "closed") || flag_of(period, "allLocked") || locked
}

/// Whether time may be entered on a day.
pub(super) fn takes_time(view: View<'_>, day: NaiveDate) -> bool {
    of_day(view, day).is_some_and(|p| !flag_of(&p.fields, "closed") && !flag_of(&p.fields, "allLocked"))
}

/// Refuses to touch the ledger of a transaction whose period is closed.
pub(super) fn must_be_open(view: View<'_>, record: &RecordType, fields: &Fields) -> Answer<()> {
    match view.follow(fields, "postingPeriod", "accountingPeriod") {
        Some(period) if is_closed(period, record) => Err(outside()),
        _ => Ok(()),
    }
}

/// Finds the posting period of a transaction and refuses a closed one.
pub(super) fn assign(
    view: View<'_>,
    record: &RecordType,
    old: Option<&Fields>,
    fields: &mut Fields,
) -> Answer<()> {
    if let Some(old) = old {
        let moved = old.get("tranDate") != fields.get("tranDate");
        if moved && old.get("postingPeriod") == fields.get("postingPeriod") {
            fields.remove("postingPeriod");
        }
        if !touches_ledger(record, old, fields) {
            return Ok(());
        }
        must_be_open(view, record, old)?;
    }
    let day = date_of(fields, "tranDate").ok_or_else(outside)?;
    let period = match text_of(fields, "postingPeriod") {
        Some(id) => view.get("accountingPeriod", id),
        None => of_day(view, day),
    };
    let period = period
        .filter(|p| covers(&p.fields, day) && !is_closed(&p.fields, record))
        .ok_or_else(outside)?;
    fields.insert("postingPeriod".to_owned(), Value::String(period.id.clone()));
    Ok(())
}

fn touches_ledger(record: &RecordType, old: &Fields, new: &Fields) -> bool {
    let free = |name: &str| {
        FREE_FIELDS.contains(&name)
            || name.starts_with('_')
            || record.shape.fields.get(name).is_some_and(|f| f.custom)
    };
    let changed =
        |name: &String| old.get(name).filter(|v| !v.is_null()) != new.get(name).filter(|v| !v.is_null());
    old.keys()
        .chain(new.keys())
        .any(|name| !free(name) && changed(name))
}
