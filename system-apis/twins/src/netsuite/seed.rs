//! What the account holds before anybody writes to it: "Northwind Advisory", a fictitious consulting firm with
//! subsidiaries in the United States, the United Kingdom and Germany.
//!
//! The records are data (`seed.json`, bodies as a client would send them); accounting periods and consolidated rates are
//! generated from a range of months.

use chrono::{Datelike, Months, NaiveDate};
use serde::Deserialize;
use serde_json::{Value, json};

use super::NetSuite;
use super::call::Call;
use super::errors::{Answer, Refusal};
use super::input::{Reader, merge};
use crate::store::{Caller, Fields, Transaction};

#[derive(Deserialize)]
struct File {
    records: Vec<Group>,
    periods: Periods,
}

#[derive(Deserialize)]
struct Group {
    #[serde(rename = "type")]
    record: String,
    rows: Vec<Value>,
}

#[derive(Deserialize)]
struct Periods {
    /// First day of the first month.
    from: NaiveDate,
    months: u32,
    /// Last day of the last closed month.
    closed_until: NaiveDate,
    /// Months (first days) that are locked but not closed.
    locked: Vec<NaiveDate>,
    /// From subsidiary, its currency, rate to the parent.
    consolidated: Vec<(String, String, String)>,
}

/// Fills an empty store.
pub(super) fn plant(twin: &NetSuite) {
    let caller = Caller {
        name: "seed".to_owned(),
        ..Caller::default()
    };
    let planted: Result<(), String> = twin.store.transact(&caller, |tx| {
        let file: File = serde_json::from_str(include_str!("seed.json")).map_err(|e| e.to_string())?;
        for group in &file.records {
            for row in &group.rows {
                plant_one(twin, tx, &group.record, row)
                    .map_err(|r| format!("{}: {}", group.record, r.detail))?;
            }
        }
        plant_periods(twin, tx, &file.periods).map_err(|r| r.detail)
    });
    if let Err(error) = planted {
        tracing::error!(%error, "the NetSuite twin's seed could not be planted");
    }
}

fn plant_one(twin: &NetSuite, tx: &mut Transaction<'_>, name: &str, row: &Value) -> Answer<()> {
    let record = twin.schema.get(name).ok_or_else(|| Refusal::no_type(name))?;
    let id = row
        .get("id")
        .and_then(Value::as_str)
        .ok_or_else(Refusal::no_record)?;
    let call = Call {
        name_validation: Some("Error".to_owned()),
        ..Call::default()
    };
    let given = Reader::new(twin.view(tx.tables()), &twin.settings, &call)?.record(record, row)?;
    let fields = merge(record, &Fields::new(), given, &[]);
    twin.external.note(&record.name, &fields, id);
    tx.create(&record.name, id, fields);
    Ok(())
}

fn plant_periods(twin: &NetSuite, tx: &mut Transaction<'_>, periods: &Periods) -> Answer<()> {
    let mut id = 100;
    let mut next = || {
        id += 1;
        id.to_string()
    };
    let (mut year, mut quarter) = (String::new(), String::new());
    for n in 0..periods.months {
        let Some(start) = periods.from.checked_add_months(Months::new(n)) else {
            continue;
        };
        let month = start.month0();
        if n == 0 || month == 0 {
            year = next();
            plant_span(
                twin,
                tx,
                &year,
                &format!("FY {}", start.year()),
                start,
                12,
                None,
                periods,
            )?;
        }
        if n == 0 || month % 3 == 0 {
            quarter = next();
            let name = format!("Q{} {}", month / 3 + 1, start.year());
            plant_span(twin, tx, &quarter, &name, start, 3, Some(&year), periods)?;
        }
        let period = next();
        plant_span(
            twin,
            tx,
            &period,
            &start.format("%b %Y").to_string(),
            start,
            1,
            Some(&quarter),
            periods,
        )?;
        for (subsidiary, currency, rate) in &periods.consolidated {
            let rate = json!({
                "id": next(), "fromSubsidiary": subsidiary, "toSubsidiary": "1", "fromCurrency": currency, "toCurrency": "1",
                "postingPeriod": period, "currentRate": rate, "averageRate": rate, "historicalRate": rate,
                "isPeriodClosed": start <= periods.closed_until,
            });
            plant_one(twin, tx, "consolidatedExchangeRate", &rate)?;
        }
    }
    Ok(())
}

#[expect(
    clippy::too_many_arguments,
    reason = "one row of a table, written in three places"
)]
fn plant_span(
    twin: &NetSuite,
    tx: &mut Transaction<'_>,
    id: &str,
    name: &str,
    start: NaiveDate,
    months: u32,
    parent: Option<&str>,
    periods: &Periods,
) -> Answer<()> {
    let end = start
        .checked_add_months(Months::new(months))
        .and_then(|d| d.pred_opt())
        .unwrap_or(start);
    let closed = end <= periods.closed_until;
    let locked = months == 1 && periods.locked.contains(&start);
    let row = json!({
        "id": id, "periodName": name, "startDate": start, "endDate": end, "closed": closed,
        "closedOnDate": closed.then_some(periods.closed_until), "arLocked": closed || locked, "apLocked": closed || locked,
        "allLocked": closed || locked, "allowNonGLChanges": true, "isPosting": months == 1, "isQuarter": months == 3,
        "isYear": months == 12, "isAdjust": false, "isInactive": false, "parent": parent,
    });
    plant_one(twin, tx, "accountingPeriod", &row)
}
