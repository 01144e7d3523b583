//! The event feed: what changed, for nine days, a little late and not always in order.
//!
//! Events are kept in a table of the twin's own. An event can be read from its `created_at` on, which lags the change; the
//! lag differs from event to event, so that a reader who trusts the order meets changes out of order.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::call::{Call, Request, Response, View, fields, number};
use super::errors::ApiError;
use super::present::{self, Asked};
use super::{envelope, filter};
use crate::store::{Record, Tables};

const EVENTS: &str = "_events";

/// An event's name and subject, when it is not simply that a record of a collection changed.
pub(super) struct Subject<'a> {
    /// Such as `workspace:custom_field_value_created`.
    pub(super) event_type: &'a str,
    pub(super) subject_type: &'a str,
    /// Collection of the subject.
    pub(super) collection: &'a str,
    pub(super) id: &'a str,
}

/// The payload of a record before it changes; `None` where its collection makes no events.
pub(super) fn payload_before(call: &Call<'_, '_>, table: &str, id: &str) -> Option<Map<String, Value>> {
    let collection = call.account.schema.get(table)?;
    collection.event.as_ref().filter(|_| !call.quiet)?;
    let view = call.view();
    Some(present::payload(view, collection, view.get(table, id)?))
}

pub(super) fn created(call: &mut Call<'_, '_>, table: &str, record: &Record) {
    write(call, table, record, "created", None);
}

pub(super) fn updated(
    call: &mut Call<'_, '_>,
    table: &str,
    record: &Record,
    before: Option<Map<String, Value>>,
) {
    write(call, table, record, "updated", before);
}

pub(super) fn deleted(
    call: &mut Call<'_, '_>,
    table: &str,
    record: &Record,
    before: Option<Map<String, Value>>,
) {
    write(call, table, record, "deleted", before);
}

fn write(
    call: &mut Call<'_, '_>,
    table: &str,
    record: &Record,
    verb: &str,
    before: Option<Map<String, Value>>,
) {
    let account = call.account;
    let Some(collection) = account.schema.get(table).filter(|_| !call.quiet) else {
        return;
    };
    let Some(event) = &collection.event else { return };
    let view = call.view();
    let current = view
        .get(table, &record.id)
        .map(|now| present::payload(view, collection, now));
    let subject_type = collection
        .event_subject()
        .map_or_else(|| camel(&collection.singular), str::to_owned);
    let subject = Subject {
        event_type: &format!("{event}:{verb}"),
        subject_type: &subject_type,
        collection: table,
        id: &record.id,
    };
    raw(call, &subject, before, current);
}

/// `account_membership` as `AccountMembership`.
fn camel(snake: &str) -> String {
    let words = snake.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

/// Writes an event.
pub(super) fn raw(
    call: &mut Call<'_, '_>,
    subject: &Subject<'_>,
    previous: Option<Map<String, Value>>,
    current: Option<Map<String, Value>>,
) {
    if call.quiet {
        return;
    }
    let changes = changes(previous.as_ref(), current.as_ref());
    let n = call.tx.next("event");
    let lag = call.account.settings.event_lag * i32::try_from(n % 3 + 1).unwrap_or(1);
    let changed_at = call.now();
    let payload = |p: Option<Map<String, Value>>| p.map_or(Value::Null, Value::Object);
    let event = fields([
        ("event_type", Value::from(subject.event_type)),
        ("subject_type", Value::from(subject.subject_type)),
        ("subject_id", Value::from(subject.id)),
        ("collection", Value::from(subject.collection)),
        ("user_id", Value::from(call.who.user_id.as_str())),
        ("subject_changed_at", Value::from(changed_at.to_rfc3339())),
        ("available_at", Value::from((changed_at + lag).to_rfc3339())),
        ("previous_payload", payload(previous)),
        ("current_payload", payload(current)),
        ("payload_changes", changes),
    ]);
    call.tx.create(EVENTS, (90_000_000 + n).to_string(), event);
}

fn changes(previous: Option<&Map<String, Value>>, current: Option<&Map<String, Value>>) -> Value {
    let (Some(previous), Some(current)) = (previous, current) else {
        return Value::Null;
    };
    let changed = current
        .iter()
        .filter(|(name, to)| previous.get(*name) != Some(to));
    let from_to = |name: &String, to: &Value| json!({"from": previous.get(name), "to": to});
    Value::Object(
        changed
            .map(|(name, to)| (name.clone(), from_to(name, to)))
            .collect(),
    )
}

fn time(record: &Record, field: &str) -> DateTime<Utc> {
    let at = record
        .text(field)
        .and_then(|t| DateTime::parse_from_rfc3339(t).ok());
    at.map_or(record.created_at, |t| t.to_utc())
}

/// `GET /subscribed_events`.
pub(super) fn list(view: View<'_>, request: &Request, now: DateTime<Utc>) -> Result<Response, ApiError> {
    if !view.account.settings.subscribed_events || !view.who.administrator() {
        return Err(ApiError::forbidden("access this resource"));
    }
    let oldest = now - view.account.settings.event_retention;
    let wanted = Wanted::by(request);
    // An event is available some time after it came about: what came about long before is not looked at.
    let since = wanted
        .after
        .map_or(oldest, |after| oldest.max(after - longest_lag(view)));
    let mut found: Vec<(DateTime<Utc>, &Record)> = recent(view.tables, since)
        .map(|event| (time(event, "available_at"), event))
        .filter(|(at, event)| *at <= now && *at > oldest && wanted.holds(event, *at))
        .collect();
    found.sort_by_key(|(at, event)| (*at, number(&event.id)));
    if request.param("order").as_deref() != Some("created_at:asc") {
        found.reverse();
    }
    most_recent(&mut found, request);
    let page = match request.param("only") {
        Some(_) => envelope::Page::whole(request),
        None => envelope::Page::of(request),
    };
    Ok(Response::ok(answer(view, &found, page, request)))
}

/// Events that may still be kept.
fn recent(tables: &Tables, oldest: DateTime<Utc>) -> impl Iterator<Item = &Record> {
    tables.rows(EVENTS).filter(move |event| event.created_at > oldest)
}

/// Longest time from a change to its event; see [`raw`].
fn longest_lag(view: View<'_>) -> chrono::TimeDelta {
    view.account.settings.event_lag * 3
}

/// What a request asks for, read once for all events.
struct Wanted {
    after: Option<DateTime<Utc>>,
    before: Option<DateTime<Utc>>,
    subject_type: Option<String>,
    /// Fields with the values of which theirs must be one, where there are any.
    among: [(&'static str, Vec<String>); 3],
    only: Vec<String>,
}

impl Wanted {
    fn by(request: &Request) -> Self {
        let limit = |name: &str| request.param(name).and_then(|t| filter::instant(&t));
        Self {
            after: limit("created_after"),
            before: limit("created_before"),
            subject_type: request.param("subject_type"),
            among: [
                ("event_type", request.names("event_types")),
                ("user_id", request.names("user_ids")),
                ("subject_id", request.names("subject_id")),
            ],
            only: request.names("only"),
        }
    }

    fn holds(&self, event: &Record, at: DateTime<Utc>) -> bool {
        let among = |list: &[String], value: &str| list.is_empty() || list.iter().any(|item| item == value);
        let text = |name: &str| event.text(name).unwrap_or_default();
        self.after.is_none_or(|t| at > t)
            && self.before.is_none_or(|t| at < t)
            && self.among.iter().all(|(name, list)| among(list, text(name)))
            && among(&self.only, &event.id)
            && self
                .subject_type
                .as_deref()
                .is_none_or(|t| t == text("subject_type"))
    }
}

/// Keeps the newest event of each subject, or of each subject and type.
fn most_recent(found: &mut Vec<(DateTime<Utc>, &Record)>, request: &Request) {
    let by_type = request.flag("most_recent_by_event_type");
    if !by_type && !request.flag("most_recent") {
        return;
    }
    let key = |event: &Record| {
        let text = |name: &str| event.text(name).unwrap_or_default().to_owned();
        let kind = if by_type {
            text("event_type")
        } else {
            String::new()
        };
        (text("subject_type"), text("subject_id"), kind)
    };
    let mut newest = std::collections::HashMap::new();
    for (at, event) in found.iter() {
        let slot = newest.entry(key(event)).or_insert((*at, number(&event.id)));
        *slot = (*slot).max((*at, number(&event.id)));
    }
    found.retain(|(at, event)| newest.get(&key(event)) == Some(&(*at, number(&event.id))));
}

fn answer(
    view: View<'_>,
    found: &[(DateTime<Utc>, &Record)],
    page: envelope::Page,
    request: &Request,
) -> Value {
    let optional = request.names("optional_fields");
    let with_subject = request.names("include").iter().any(|name| name == "subject");
    let mut maps = Map::new();
    let mut results = Vec::new();
    maps.insert("subscribed_events".to_owned(), Value::Object(Map::new()));
    for (at, event) in page.cut(found) {
        let mut shown = shown(view, event, *at, &optional);
        if with_subject && let Some(object) = shown.as_object_mut() {
            object.insert("subject_ref".to_owned(), subject_ref(view, event, &mut maps));
        }
        envelope::put(&mut maps, "subscribed_events", &event.id, shown);
        results.push(json!({"key": "subscribed_events", "id": event.id}));
    }
    envelope::finish(found.len(), results, page, maps)
}

fn shown(view: View<'_>, event: &Record, at: DateTime<Utc>, optional: &[String]) -> Value {
    let utc = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut shown = json!({
        "id": event.id, "event_type": event.get("event_type"), "account_id": view.account.settings.account_id,
        "user_id": event.get("user_id"), "subject_id": event.get("subject_id"), "subject_type": event.get("subject_type"),
        "subject_changed_at": utc(time(event, "subject_changed_at")), "created_at": utc(at), "updated_at": utc(at)});
    if let Some(object) = shown.as_object_mut() {
        let payloads = ["previous_payload", "current_payload", "payload_changes"];
        for name in payloads
            .into_iter()
            .filter(|name| optional.iter().any(|o| o == name))
        {
            object.insert(name.to_owned(), event.get(name).clone());
        }
    }
    shown
}

/// Where the subject is, side-loaded; null when it is gone.
fn subject_ref(view: View<'_>, event: &Record, maps: &mut Map<String, Value>) -> Value {
    let (key, id) = (
        event.text("collection").unwrap_or_default(),
        event.text("subject_id").unwrap_or_default(),
    );
    let Some((collection, record)) = view.account.schema.get(key).zip(view.get(key, id)) else {
        return Value::Null;
    };
    envelope::put(
        maps,
        key,
        id,
        present::record(view, collection, record, &Asked::default()),
    );
    json!({"id": id, "key": key})
}

/// `GET /subscribed_events/event_types`: the types, each with the fields of its payloads.
pub(super) fn types(view: View<'_>, request: &Request) -> Response {
    let mut maps = Map::new();
    let mut results = Vec::new();
    for collection in view.account.schema.all() {
        for (event, verb) in collection
            .event
            .iter()
            .flat_map(|e| ["created", "updated", "deleted"].map(|v| (e, v)))
        {
            let name = format!("{event}:{verb}");
            let payload: Vec<&String> = collection
                .fields
                .iter()
                .filter(|(_, f)| !f.hidden && !f.optional)
                .map(|(n, _)| n)
                .collect();
            envelope::put(
                &mut maps,
                "event_types",
                &name,
                json!({"id": name, "payload_fields": payload}),
            );
            results.push(json!({"key": "event_types", "id": name}));
        }
    }
    Response::ok(envelope::finish(
        results.len(),
        results,
        envelope::Page::whole(request),
        maps,
    ))
}
