//! Filters and order of lists.
//!
//! `in` compares an id with a list, `any_of` a list of ids with a list, `is` texts whatever the case of their letters,
//! `bool` by the value given, `between` and `from` dates, `search` and `matching` parts of a text. `special` filters are
//! below by name. A filter that the collection does not have is ignored, as the vendor does, which is a trap.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use serde_json::Value;

use super::call::{Request, View, number, yes};
use super::computed::{active_submission, is_approved, submissions_of};
use super::include;
use super::params::parts;
use super::schema::Collection;
use crate::store::Record;

/// Whether a record is in the list that a request asks for.
pub(super) fn matches(view: View<'_>, collection: &Collection, record: &Record, request: &Request) -> bool {
    view.sees(collection, record)
        && shown_by_default(view, collection, record, request)
        && times(record, request)
        && external(view, collection, record, request)
        && collection.filters.iter().all(|(name, definition)| {
            let Some(wanted) = request.param(name) else {
                return true;
            };
            let definition: Vec<&str> = definition.iter().map(String::as_str).collect();
            match *definition.as_slice() {
                [kind, field] => plain(record, kind, field, &wanted),
                _ => special(view, collection, record, name, &wanted),
            }
        })
}

/// The field and value of a filter that an index can serve.
pub(super) fn indexed<'c>(collection: &'c Collection, request: &Request) -> Option<(&'c str, String)> {
    collection
        .filters
        .iter()
        .find_map(|(name, definition)| match definition.as_slice() {
            [kind, field] if kind == "in" => {
                let wanted = request.param(name)?;
                let single = !wanted.contains(',');
                single.then(|| (field.as_str(), wanted.trim().to_owned()))
            }
            _ => None,
        })
}

/// Records that a list leaves out unless it is asked for them.
fn shown_by_default(view: View<'_>, collection: &Collection, record: &Record, request: &Request) -> bool {
    let in_archived = || {
        view.follow(record, "workspace_id", "workspaces")
            .is_some_and(|w| yes(w, "archived"))
    };
    match collection.name.as_str() {
        "workspaces" => {
            let asked = request.flag("include_archived") || request.param("archived").is_some();
            asked || !yes(record, "archived")
        }
        "stories" => {
            (request.flag("show_archived") || !yes(record, "archived"))
                && (request.flag("show_from_archived_workspaces") || !in_archived())
        }
        "time_entries" | "expenses" => request.flag("from_archived_workspaces") || !in_archived(),
        "workspace_resources" => {
            let named = record.text("user_id").is_some();
            named || request.flag("include_unnamed") || request.flag("workspace_resources_with_unnamed")
        }
        _ => true,
    }
}

fn times(record: &Record, request: &Request) -> bool {
    let limit = |name: &str| request.param(name).and_then(|t| instant(&t));
    limit("created_after").is_none_or(|t| record.created_at > t)
        && limit("created_before").is_none_or(|t| record.created_at < t)
        && limit("updated_after").is_none_or(|t| record.changed_at > t)
        && limit("updated_before").is_none_or(|t| record.changed_at < t)
}

/// A time with or without offset, or a date; without offset it is UTC.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    // A plus sign that came unescaped in a query string has become a space.
    let text = text.trim().replace(' ', "+");
    let with_offset = DateTime::parse_from_rfc3339(&text).map(|t| t.to_utc()).ok();
    with_offset
        .or_else(|| text.parse::<NaiveDateTime>().ok().map(|t| t.and_utc()))
        .or_else(|| {
            text.parse::<NaiveDate>()
                .ok()?
                .and_hms_opt(0, 0, 0)
                .map(|t| t.and_utc())
        })
}

fn plain(record: &Record, kind: &str, field: &str, wanted: &str) -> bool {
    let text = record.text(field);
    let lower = |text: &str| text.to_lowercase();
    match kind {
        "in" => text.is_some_and(|id| parts(wanted).contains(&id)),
        "any_of" => include::list(record.get(field))
            .iter()
            .any(|id| parts(wanted).contains(&id.as_str())),
        "is" => text.is_some_and(|t| lower(t) == lower(wanted)),
        "bool" => yes(record, field) == matches!(wanted, "true" | "1"),
        "search" | "matching" => text.is_some_and(|t| lower(t).contains(&lower(wanted))),
        "between" => {
            let (from, to) = wanted.split_once(':').unwrap_or((wanted, ""));
            text.is_some_and(|day| (from.is_empty() || day >= from) && (to.is_empty() || day <= to))
        }
        "from" => text.is_some_and(|day| day >= wanted),
        _ => true,
    }
}

fn special(view: View<'_>, collection: &Collection, record: &Record, name: &str, wanted: &str) -> bool {
    let yes_asked = matches!(wanted, "true" | "1");
    let submissions = submissions_of(&collection.name);
    let active = || active_submission(view, submissions, record);
    let status = record.text("status").unwrap_or_default();
    match (collection.name.as_str(), name) {
        // Of time entries these three hold whatever value is given; of expenses only when it is true.
        ("time_entries", "approved") => is_approved(view, submissions, record),
        ("time_entries", "invoiced") => record.text("invoice_id").is_some(),
        ("time_entries", "uninvoiced") => record.text("invoice_id").is_none(),
        ("expenses", "approved") => !yes_asked || is_approved(view, submissions, record),
        ("expenses", "invoiced") => !yes_asked || record.text("invoice_id").is_some(),
        ("expenses", "uninvoiced") => !yes_asked || record.text("invoice_id").is_none(),
        ("expenses", "submitted") => !yes_asked || active().is_some(),
        ("expenses", "unsubmitted") => !yes_asked || active().is_none(),
        (_, "in_active_submission") => active().is_some() == yes_asked,
        (_, "with_timesheet_id" | "with_expense_report_id") => active().is_some_and(|s| s.id == wanted),
        // The filter calls a submission that waits for its approver `new`; the record calls it `pending`.
        (_, "statuses") => parts(wanted)
            .iter()
            .any(|s| *s == status || (*s == "new" && status == "pending")),
        (_, "active") => !yes_asked || matches!(status, "pending" | "approved"),
        (_, "not_cancelled") => !yes_asked || status != "cancelled",
        (_, "archived") => match wanted {
            "only" => yes(record, "archived"),
            "exclude" => !yes(record, "archived"),
            _ => true,
        },
        (_, "has_participant") => view.participation(&record.id, wanted).is_some(),
        (_, "participant_in") => view.participation(wanted, &record.id).is_some(),
        (_, "by_custom_text_value") => by_custom_value(view, collection, record, wanted, |value, text| {
            value.as_str().is_some_and(|v| v == text)
        }),
        (_, "by_custom_choice_value") => {
            by_custom_value(view, collection, record, wanted, |value, choices| {
                include::list(value)
                    .iter()
                    .any(|id| parts(choices).contains(&id.as_str()))
            })
        }
        (_, "parents_only") => !yes_asked || record.text("parent_id").is_none(),
        (_, "pending_requests_only") => {
            !yes_asked || status == view.account.settings.request_statuses.pending
        }
        _ => true,
    }
}

/// `301:text`, `(301:text):(302:other)` or a bare field id. All fields named must fit; of several values of one field, one.
fn by_custom_value(
    view: View<'_>,
    collection: &Collection,
    record: &Record,
    wanted: &str,
    fits: impl Fn(&Value, &str) -> bool,
) -> bool {
    let inner = wanted.trim_start_matches('(').trim_end_matches(')');
    let terms: Vec<(&str, Option<&str>)> = inner
        .split("):(")
        .map(|term| {
            term.split_once(':')
                .map_or((term, None), |(field, value)| (field, Some(value)))
        })
        .collect();
    let subject = format!(
        "{}:{}",
        collection.custom.as_deref().unwrap_or_default(),
        record.id
    );
    let values = view.having("custom_field_values", "_subject", &subject);
    let holds = |field: &str, wanted: Option<&str>| {
        let mut of_field = values.iter().filter(|v| v.text("custom_field_id") == Some(field));
        of_field.any(|v| wanted.is_none_or(|w| fits(v.get("value"), w)))
    };
    terms.iter().all(|(field, _)| {
        let mut same = terms.iter().filter(|(other, _)| other == field);
        same.any(|(field, wanted)| holds(field, *wanted))
    })
}

/// The filters by external references, which every collection has that can carry them.
fn external(view: View<'_>, collection: &Collection, record: &Record, request: &Request) -> bool {
    if collection.subject.is_none() {
        return true;
    }
    let names = [
        ("external_reference_service_name", "service_name"),
        ("external_reference_service_model", "service_model"),
        ("external_reference_service_model_ref", "service_model_ref"),
        ("external_reference_status", "status"),
        ("external_reference_external_status", "external_status"),
        ("external_reference_external_message", "external_message"),
    ];
    let wanted: Vec<(&str, String)> = names
        .iter()
        .filter_map(|(parameter, field)| Some((*field, request.param(parameter)?)))
        .collect();
    let (has, without) = (
        request.param("has_external_references"),
        request.param("without_external_reference_service_name"),
    );
    let refs = request.param("external_reference_service_model_refs");
    if wanted.is_empty() && has.is_none() && without.is_none() && refs.is_none() {
        return true;
    }
    let references = include::of_record(view, collection, record);
    let one_of = |reference: &&Record| {
        let text = |field: &str| reference.text(field).unwrap_or_default();
        wanted.iter().all(|(field, value)| text(field) == value)
            && refs
                .as_deref()
                .is_none_or(|list| parts(list).contains(&text("service_model_ref")))
    };
    has.is_none_or(|has| references.is_empty() != matches!(has.as_str(), "true" | "1"))
        && without.is_none_or(|name| references.iter().all(|r| r.text("service_name") != Some(&name)))
        && ((wanted.is_empty() && refs.is_none()) || references.iter().any(one_of))
}

/// Sorts as asked; an order that the collection does not know is replaced by its own, and the id decides between equals.
pub(super) fn sort(collection: &Collection, records: &mut [&Record], order: Option<&str>) {
    let known = order.map(|o| o.split_once(':').unwrap_or((o, "asc")));
    let known = known.filter(|(field, _)| collection.orders.iter().any(|o| o == field));
    let own = collection.order.split_once(':').unwrap_or(("created_at", "asc"));
    let (field, direction) = known.unwrap_or(own);
    records.sort_by(|a, b| {
        let order = compare(a, b, field);
        let order = if direction == "desc" {
            order.reverse()
        } else {
            order
        };
        order.then_with(|| number(&a.id).cmp(&number(&b.id)))
    });
}

fn compare(a: &Record, b: &Record, field: &str) -> Ordering {
    match field {
        "created_at" => a.created_at.cmp(&b.created_at),
        "updated_at" => a.changed_at.cmp(&b.changed_at),
        "amount" => compare(a, b, "amount_in_cents"),
        "date" if a.get("date").is_null() => compare(a, b, "start_date"),
        _ => match (a.get(field), b.get(field)) {
            (Value::Number(x), Value::Number(y)) => x.as_i64().cmp(&y.as_i64()),
            _ => a.text(field).cmp(&b.text(field)),
        },
    }
}
