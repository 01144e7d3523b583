//! Pure functions between Kantata's records and canonical ones: no clock, no I/O.

pub(crate) mod account;
pub(crate) mod assignment;
pub(crate) mod expense;
pub(crate) mod milestone;
pub(crate) mod person;
pub(crate) mod project;
pub(crate) mod rates;
pub(crate) mod resource_request;
pub(crate) mod task;
pub(crate) mod time_entry;

use canonical_model::{ApprovalState, Currency, Failure, Money, RecordRef, Result};
use chrono::{DateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Number, Value, json};

use crate::client::Fields;
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

/// What a record is read with: everything that came along, and what the account calls things.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) envelope: &'a Envelope,
    pub(crate) settings: &'a Settings,
}

/// A record's currency, which users without financial access are not shown.
pub(crate) fn currency(record: &Record) -> Result<Currency> {
    record.shown_to_finance("currency")?;
    let code = record.needed_text("currency")?;
    code.parse().map_err(|failure: Failure| {
        let id = record.text("id").unwrap_or_default();
        let message = format!("record {id} in Kantata is in {code}: {}", failure.message);
        Failure { message, ..failure }
    })
}

/// An amount of subunits in a record's currency, divided by the record's own unit where it says one.
pub(crate) fn money(record: &Record, subunits: i64, currency: Currency) -> Result<Money> {
    let Some(unit) = record.int("currency_base_unit")?.filter(|unit| *unit > 0) else {
        return Ok(Money::from_minor(subunits, currency));
    };
    let amount = Decimal::from(subunits).checked_div(Decimal::from(unit));
    Ok(main_units(record.needed("currency_base_unit", amount)?, currency))
}

/// An amount with at least the digits of its currency's minor unit.
pub(crate) fn main_units(amount: Decimal, currency: Currency) -> Money {
    let mut amount = amount.normalize();
    if amount.scale() < currency.minor_units() {
        amount.rescale(currency.minor_units());
    }
    Money::new(amount, currency)
}

/// An amount in subunits, which must be whole.
pub(crate) fn subunits(money: Money, what: &str) -> Result<i64> {
    let unit = Decimal::from(10_u64.pow(money.currency.minor_units()));
    let exact = money
        .amount
        .checked_mul(unit)
        .filter(|amount| amount.fract().is_zero());
    exact.and_then(|amount| amount.to_i64()).ok_or_else(|| {
        let message = format!("{what} of {money} is no whole number of the currency's smallest unit");
        Failure::business("amount_not_exact", message)
    })
}

/// A decimal as a JSON number, when no digit is lost on the way.
pub(crate) fn number(amount: Decimal, what: &str) -> Result<Value> {
    let text = amount.normalize().to_string();
    let number = serde_json::from_str::<Number>(&text).ok();
    let same = |number: &Number| {
        let back = number.to_string();
        back.parse::<Decimal>().ok() == Some(amount.normalize())
            || Decimal::from_scientific(&back).ok() == Some(amount.normalize())
    };
    number.filter(same).map(Value::Number).ok_or_else(|| {
        let message = format!("{what} {amount} has more digits than Kantata takes");
        Failure::business("amount_not_exact", message)
    })
}

/// A person by id, labelled with the e-mail address.
pub(crate) fn person_ref(view: View<'_>, id: String) -> RecordRef {
    let user = view.envelope.get("users", &id);
    let label = user.and_then(|user| user.text("email_address"));
    RecordRef { id, label }
}

/// A project by id, labelled with its code.
pub(crate) fn project_ref(view: View<'_>, id: String) -> RecordRef {
    let label = view
        .envelope
        .get("workspaces", &id)
        .map(|w| project_code(view, w, &id));
    RecordRef { id, label }
}

/// The firm's code of a project; one that was made without a code is known by its id.
pub(crate) fn project_code(view: View<'_>, workspace: &Record, id: &str) -> String {
    let code = view
        .envelope
        .custom_text(workspace, &view.settings.fields.project_code);
    code.unwrap_or_else(|| id.to_owned())
}

/// The legal entity of a project, by the label of its choice.
pub(crate) fn entity_of(view: View<'_>, workspace: &Record) -> Option<RecordRef> {
    label_in(
        view,
        workspace,
        view.settings.fields.project_legal_entity.as_deref(),
    )
}

/// The choice in a custom field, as a reference by its label.
pub(crate) fn label_in(view: View<'_>, record: &Record, field: Option<&str>) -> Option<RecordRef> {
    let label = view.envelope.custom_label(record, field?)?;
    Some(RecordRef::labelled(label.clone(), label))
}

/// A role by id, labelled with its name.
pub(crate) fn role_ref(view: View<'_>, id: String) -> RecordRef {
    let label = view.envelope.get("roles", &id).and_then(|role| role.text("name"));
    RecordRef { id, label }
}

/// A task by id, labelled with its title.
pub(crate) fn task_ref(view: View<'_>, id: String) -> RecordRef {
    let label = view
        .envelope
        .get("stories", &id)
        .and_then(|story| story.text("title"));
    RecordRef { id, label }
}

/// Where the approval of a line stands.
pub(crate) struct Approval {
    pub(crate) state: ApprovalState,
    pub(crate) by: Option<RecordRef>,
    pub(crate) at: Option<DateTime<Utc>>,
}

/// The submission that a line was last put on.
pub(crate) fn submission<'e>(envelope: &'e Envelope, line: &Record, kind: &str) -> Option<&'e Record> {
    let active = envelope.follow(line, "active_submission_id", kind);
    active.or_else(|| envelope.follow(line, "recent_submission_id", kind))
}

/// The approval of a line. `without` says that it counts as approved with no submission, as in projects that ask for none.
pub(crate) fn approval(view: View<'_>, line: &Record, kind: &str, without: bool) -> Result<Approval> {
    let submission = submission(view.envelope, line, kind);
    let status = submission.and_then(|s| s.text("status"));
    let state = match status.as_deref() {
        Some("approved") => ApprovalState::Approved,
        _ if without => ApprovalState::Approved,
        Some("pending") => ApprovalState::Submitted,
        Some("rejected") => ApprovalState::Rejected,
        Some("cancelled") | None => ApprovalState::Draft,
        Some(other) => return Err(unmapped(line, "the submission status", other)),
    };
    let approved = submission.filter(|_| status.as_deref() == Some("approved"));
    let by = approved.and_then(|s| s.text("current_resolution_creator_id"));
    Ok(Approval {
        state,
        by: by.map(|id| person_ref(view, id)),
        at: approved.map(resolved_at).transpose()?.flatten(),
    })
}

/// When a submission was resolved. Kantata tells the day; the stamp of its last change tells the time when that was on
/// the same day, else it is the day's beginning in the account's time zone.
fn resolved_at(submission: &Record) -> Result<Option<DateTime<Utc>>> {
    let Some(day) = submission.date("current_resolution_created_at_date")? else {
        return Ok(None);
    };
    let changed = match submission.time("updated_at")? {
        Some(changed) => changed,
        None => return Ok(Some(day.and_time(NaiveTime::MIN).and_utc())),
    };
    if changed.date_naive() == day {
        return Ok(Some(changed.to_utc()));
    }
    let begin = day.and_time(NaiveTime::MIN).and_local_timezone(*changed.offset());
    Ok(begin.single().map(|begin| begin.to_utc()))
}

/// A value of the account's that the settings do not map.
pub(crate) fn unmapped(record: &Record, what: &str, value: &str) -> Failure {
    let id = record.text("id").unwrap_or_default();
    let message = format!(
        "record {id} in Kantata has {what} {value:?}, which this connection's settings map to nothing"
    );
    Failure::fault("unmapped_value", message)
}

/// Sets a field where there is a value.
pub(crate) fn put(fields: &mut Fields, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

/// Adds the value of a custom field.
pub(crate) fn put_custom(fields: &mut Fields, id: &str, value: impl Into<Value>) {
    let list = fields
        .entry("custom_fields")
        .or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.push(json!({ "custom_field_id": id, "value": value.into() }));
    }
}

/// The custom field for a value. A value without a field to hold it is refused: it would be lost unseen.
pub(crate) fn field_for<'s>(what: &str, field: Option<&'s str>) -> Result<&'s str> {
    field.ok_or_else(|| {
        let message = format!("{what} cannot be written: this connection's settings name no field for it");
        Failure::fault("field_not_mapped", message)
    })
}

/// Refuses days in the wrong order before the vendor does.
pub(crate) fn check_days<T: PartialOrd + std::fmt::Display>(
    what: &str,
    from: Option<T>,
    to: Option<T>,
) -> Result<()> {
    match (from, to) {
        (Some(from), Some(to)) if to < from => {
            let message = format!("{what} ends on {to}, before it begins on {from}");
            Err(Failure::business("dates_reversed", message))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    fn record(value: Value) -> Record {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn amounts_are_divided_by_the_records_own_unit() {
        let yen: Currency = "JPY".parse().unwrap();
        let cents = money(&record(json!({"currency_base_unit": 100})), 15_050, Currency::EUR).unwrap();
        assert_eq!(
            cents.to_string(),
            Money::new(dec!(150.50), Currency::EUR).to_string()
        );
        assert_eq!(
            money(&record(json!({"currency_base_unit": 1})), 700, yen).unwrap(),
            Money::new(dec!(700), yen)
        );
        assert_eq!(money(&record(json!({})), 700, yen).unwrap().amount, dec!(700));
        assert_eq!(
            subunits(Money::new(dec!(10.5), Currency::EUR), "x").unwrap(),
            1050
        );
        assert_eq!(
            subunits(Money::new(dec!(10.505), Currency::EUR), "x")
                .unwrap_err()
                .code,
            "amount_not_exact"
        );
    }

    #[test]
    fn a_number_that_json_would_round_is_refused() {
        assert_eq!(number(dec!(120000.50), "price").unwrap(), json!(120000.5));
        assert_eq!(number(dec!(250000), "price").unwrap(), json!(250000));
        assert!(number(dec!(9007199254740993.17), "price").is_err());
    }

    #[test]
    fn what_may_not_be_seen_is_not_zero() {
        let hidden = record(json!({"id": "1"}));
        assert_eq!(currency(&hidden).unwrap_err().code, "no_financial_access");
        let odd = record(json!({"id": "1", "currency": "XXQ"}));
        assert!(currency(&odd).is_err());
    }

    #[test]
    fn the_day_of_an_approval_has_a_time_where_the_stamp_tells_it() {
        let at = |updated: &str| {
            let submission =
                record(json!({"current_resolution_created_at_date": "2026-11-02", "updated_at": updated}));
            resolved_at(&submission).unwrap().unwrap().to_rfc3339()
        };
        assert_eq!(at("2026-11-02T16:30:00-07:00"), "2026-11-02T23:30:00+00:00");
        assert_eq!(at("2026-11-05T09:00:00-07:00"), "2026-11-02T07:00:00+00:00");
    }
}
