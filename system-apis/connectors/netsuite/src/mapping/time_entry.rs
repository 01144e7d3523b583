//! Time entries (`timeBill`).

use std::collections::BTreeMap;

use canonical_model::{Money, Rate, RatePer, RecordRef, Result, TimeEntry};
use rust_decimal::Decimal;
use serde_json::Value;

use crate::directory::Lookups;
use crate::settings::Settings;
use crate::wire::{Body, Record, number, refer};

use super::{approval_note, person, required};

/// Id of a project or customer to the id of its currency.
pub(crate) type Currencies = BTreeMap<String, String>;

/// The columns that are read; with the fields that the account has for more.
pub(crate) fn columns(settings: &Settings) -> Vec<String> {
    let known = [
        "externalid",
        "employee",
        "customer",
        "BUILTIN.DF(customer) AS customer_label",
        "casetaskevent",
        "BUILTIN.DF(casetaskevent) AS casetaskevent_label",
        "item",
        "BUILTIN.DF(item) AS item_label",
        "TO_CHAR(trandate, 'YYYY-MM-DD') AS trandate",
        "hours",
        "isbillable",
        "rate",
        "memo",
        "approvalstatus",
        "subsidiary",
        "BUILTIN.DF(subsidiary) AS subsidiary_label",
        "billingsubsidiary",
        "BUILTIN.DF(billingsubsidiary) AS billingsubsidiary_label",
    ];
    let own = settings.fields.time_reverses.iter().cloned();
    known.into_iter().map(str::to_owned).chain(own).collect()
}

/// A time entry. NetSuite's rate is in the currency of the project.
pub(crate) fn to_canonical(
    record: &Record,
    lookups: &Lookups,
    currencies: &Currencies,
    settings: &Settings,
) -> Result<TimeEntry> {
    let project = required(record, "customer")?;
    let rate = match record.number("rate")? {
        Some(rate) => {
            let currency = currencies
                .get(&project.id)
                .ok_or_else(|| record.bad("customer"))?;
            let money = Money::new(rate, lookups.currency_of(currency)?);
            Some(Rate {
                money,
                per: RatePer::Hour,
            })
        }
        None => None,
    };
    Ok(TimeEntry {
        person: person(record, "employee", lookups)?,
        project,
        task: record.reference("caseTaskEvent"),
        role: record.reference("item"),
        date: record.day("tranDate")?,
        minutes: record.minutes("hours")?,
        billable: record.flag("isBillable"),
        rate,
        cost_rate: None,
        legal_entity: record
            .reference("billingSubsidiary")
            .or_else(|| record.reference("subsidiary")),
        tax_code: None,
        note: record.text("memo"),
        approval: settings.time.approval.state(record, "time.approval")?,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: record
            .custom(settings.fields.time_reverses.as_ref())
            .map(RecordRef::id),
    })
}

/// A time entry's body.
pub(crate) fn to_netsuite(entry: &TimeEntry, settings: &Settings) -> Value {
    let fields = &settings.fields;
    let approval = &settings.time.approval;
    let mut body = Body::default();
    body.refer("employee", Some(&entry.person))
        .refer("customer", Some(&entry.project))
        .refer("caseTaskEvent", entry.task.as_ref())
        .refer("item", entry.role.as_ref())
        .date("tranDate", Some(entry.date))
        .set("hours", entry.minutes.to_string())
        .set("isBillable", entry.billable)
        .refer("billingSubsidiary", entry.legal_entity.as_ref())
        .set_opt("memo", entry.note.clone())
        .set("approvalStatus", refer(approval.id(entry.approval)))
        .custom(
            fields.time_reverses.as_ref(),
            entry.reverses.as_ref().map(|r| r.id.clone()),
        )
        .custom(
            fields.time_approval.as_ref(),
            approval_note(entry.approved_by.as_ref(), entry.approved_at),
        );
    if let Some(rate) = entry.rate {
        body.set("rate", number(hourly(rate, settings.time.minutes_per_day)))
            .set("overrideRate", true);
    }
    body.build()
}

/// A rate as NetSuite has it: by the hour.
pub(crate) fn hourly(rate: Rate, minutes_per_day: i64) -> Decimal {
    match rate.per {
        RatePer::Hour => rate.money.amount,
        RatePer::Day => {
            let exact = (rate.money.amount * Decimal::from(60)).checked_div(Decimal::from(minutes_per_day));
            exact.unwrap_or(rate.money.amount).round_dp(6)
        }
    }
}

/// Whether NetSuite shows an entry as it was sent.
pub(crate) fn is_as_sent(sent: &TimeEntry, found: &TimeEntry, minutes_per_day: i64) -> bool {
    let id = |reference: &Option<RecordRef>| reference.as_ref().map(|r| r.id.clone());
    let rate = |entry: &TimeEntry| entry.rate.map(|rate| hourly(rate, minutes_per_day));
    let same_if_given = |sent: Option<String>, found: Option<String>| sent.is_none() || sent == found;
    sent.person.id == found.person.id
        && sent.project.id == found.project.id
        && same_if_given(id(&sent.task), id(&found.task))
        && same_if_given(id(&sent.role), id(&found.role))
        && same_if_given(sent.note.clone(), found.note.clone())
        && same_if_given(id(&sent.legal_entity), id(&found.legal_entity))
        && (sent.rate.is_none() || rate(sent) == rate(found))
        && (sent.date, sent.minutes, sent.billable, sent.approval)
            == (found.date, found.minutes, found.billable, found.approval)
}

#[cfg(test)]
mod tests {
    use canonical_model::{Currency, Minutes};
    use rust_decimal::dec;
    use serde_json::json;

    use super::*;
    use crate::mapping::tests::{lookups, record, settings};

    fn read(value: Value) -> TimeEntry {
        let currencies = [("1003".to_owned(), "4".to_owned())].into();
        to_canonical(&record(value), &lookups(), &currencies, &settings()).unwrap()
    }

    #[test]
    fn both_forms_of_a_record_read_alike() {
        let service = read(json!({
            "id": "20001", "employee": {"id": "11", "refName": "Anna Keller"}, "customer": {"id": "1003", "refName": "Helios : HEL-1"},
            "item": {"id": "101", "refName": "Partner"}, "tranDate": "2026-11-20", "hours": "-7:30", "isBillable": true,
            "rate": 420.5, "approvalStatus": {"id": "3", "refName": "Approved"}, "memo": "Grid"
        }));
        let row = read(json!({
            "links": [], "id": "20001", "employee": "11", "customer": "1003", "customer_label": "Helios : HEL-1",
            "item": "101", "item_label": "Partner", "trandate": "2026-11-20", "hours": "-7.5", "isbillable": "T",
            "rate": "420.5", "approvalstatus": "3", "memo": "Grid"
        }));
        assert_eq!(service, row);
        assert_eq!(service.minutes, Minutes::new(-450));
        assert_eq!(
            service.person.label.as_deref(),
            Some("anna.keller@northwind-advisory.example")
        );
        let again = to_netsuite(&service, &settings());
        assert_eq!(
            (&again["hours"], &again["rate"]),
            (&json!("-7:30"), &json!(420.5))
        );
    }

    #[test]
    fn a_daily_rate_is_written_by_the_hour() {
        let rate = Rate {
            money: Money::new(dec!(1000), Currency::EUR),
            per: RatePer::Day,
        };
        assert_eq!(hourly(rate, 480), dec!(125));
    }
}
