//! The administrator's page for locking time, and repairs by the vendor's support, as calls of the control surface.

use actix_web::{HttpResponse, web};
use chrono::{Datelike, NaiveDate, Weekday};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Kantata;
use super::call::fields;
use crate::store::Caller;

/// The twin's own table of the lock.
pub(super) const LOCK: &str = "_lock";
pub(super) const LOCK_ID: &str = "1";

/// Body of `PUT /_twin/repairs`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Repair {
    /// The collection, such as `time_entries`.
    table: String,
    /// The record's id.
    id: String,
    /// The fields as they shall be.
    fields: Map<String, Value>,
}

/// `PUT /_twin/repairs`: the vendor's support mends a record in its database, where no stamp moves and no event is made.
pub(super) async fn repair(account: web::Data<Kantata>, repair: web::Json<Repair>) -> HttpResponse {
    let Repair { table, id, fields } = repair.into_inner();
    let done: Result<bool, ()> = account.store.transact(&Caller::default(), |tx| {
        Ok(tx.amend(&table, &id, fields.into_iter().collect()))
    });
    match done {
        Ok(true) => HttpResponse::NoContent().finish(),
        _ => HttpResponse::NotFound().json(json!({"error": format!("there is no {id} among the {table}")})),
    }
}

/// Body of `PUT /_twin/time-lock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lock {
    /// The last locked day; null takes the lock away.
    date: Option<NaiveDate>,
}

/// `PUT /_twin/time-lock`: only a past Saturday can be set.
pub(super) async fn set_lock(account: web::Data<Kantata>, lock: web::Json<Lock>) -> HttpResponse {
    let today = account.store.now().with_timezone(&account.offset()).date_naive();
    if lock
        .date
        .is_some_and(|day| day.weekday() != Weekday::Sat || day >= today)
    {
        return HttpResponse::UnprocessableEntity()
            .json(json!({"error": "the lock date must be a past Saturday"}));
    }
    let date = lock.date.map_or(Value::Null, |day| Value::from(day.to_string()));
    let done: Result<(), ()> = account.store.transact(&Caller::default(), |tx| {
        tx.create(LOCK, LOCK_ID, fields([("date", date)]));
        Ok(())
    });
    done.unwrap_or_default();
    HttpResponse::NoContent().finish()
}
