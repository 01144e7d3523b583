//! Change data capture over CometD (Bayeux long polling): who changed which record, from the store's write log.
//!
//! Channels are `/data/ChangeEvents` and one per object such as `/data/OpportunityChangeEvent`; every object is
//! selected. Events are kept for 72 hours. The gRPC Pub/Sub API is not here.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::web::{self, Bytes};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};

use super::call::Response;
use super::errors::ApiError;
use super::schema::{FieldType, Object};
use super::{Salesforce, rendered};
use crate::store::{LogEntry, Verb};

/// Longest wait of a connect.
const POLL: Duration = Duration::from_secs(110);
/// Added to a log position to make a replay id, so that nobody takes one for the other.
const REPLAY_BASE: u64 = 1_000_000;

struct Subscriber {
    user_id: String,
    /// Channel and the log position up to which its events are delivered.
    channels: BTreeMap<String, u64>,
}

/// Connected clients. They are forgotten with the process; what they missed is replayed on request.
#[derive(Default)]
pub(super) struct Subscribers {
    by_client: Mutex<HashMap<String, Subscriber>>,
}

impl Subscribers {
    /// Forgets all of them: the org was reset.
    pub(super) fn clear(&self) {
        self.with(HashMap::clear);
    }

    fn with<T>(&self, f: impl FnOnce(&mut HashMap<String, Subscriber>) -> T) -> T {
        f(&mut self.by_client.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `POST /cometd/<version>[/...]`: one message or several.
pub(super) async fn messages(org: web::Data<Salesforce>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let session = match org.sessions.authenticate(&org, &request) {
        Ok(session) => session,
        Err(error) => {
            let text = "401::Authentication invalid";
            let advice = json!({"reconnect": "none"});
            let answer = json!([{"error": text, "successful": false, "advice": advice}]);
            return rendered(Response::json(error.status, answer));
        }
    };
    let messages = match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Array(messages)) => messages,
        Ok(message @ Value::Object(_)) => vec![message],
        _ => return rendered(ApiError::json("Expected Bayeux messages").into()),
    };
    let mut answers = Vec::new();
    for message in messages {
        let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
        match text("channel") {
            "/meta/handshake" => answers.push(handshake(&org, &message, &session.user_id)),
            "/meta/connect" => connect(&org, &message, &session.user_id, &mut answers).await,
            "/meta/subscribe" => answers.push(subscribe(&org, &message, &session.user_id)),
            "/meta/unsubscribe" => answers.push(unsubscribe(&org, &message, &session.user_id)),
            "/meta/disconnect" => {
                org.subscribers.with(|all| all.remove(text("clientId")));
                answers.push(reply(&message, json!({"successful": true})));
            }
            _ => answers.push(refusal(&message, "403::Publishing is not allowed")),
        }
    }
    rendered(Response::json(200, Value::Array(answers)))
}

/// A reply carries the message's channel, id and client back.
fn reply(message: &Value, more: Value) -> Value {
    let mut answer = Map::new();
    for name in ["id", "channel", "clientId", "subscription"] {
        if let Some(value) = message.get(name) {
            answer.insert(name.to_owned(), value.clone());
        }
    }
    if let Value::Object(more) = more {
        answer.extend(more);
    }
    Value::Object(answer)
}

fn refusal(message: &Value, error: &str) -> Value {
    reply(message, json!({"successful": false, "error": error}))
}

fn unknown_client(message: &Value) -> Value {
    let advice = json!({"reconnect": "handshake", "interval": 0});
    reply(
        message,
        json!({"successful": false, "error": "403::Unknown client", "advice": advice}),
    )
}

fn handshake(org: &Salesforce, message: &Value, user_id: &str) -> Value {
    let client = hex::encode(rand::random::<[u8; 16]>());
    let subscriber = Subscriber {
        user_id: user_id.to_owned(),
        channels: BTreeMap::new(),
    };
    org.subscribers.with(|all| all.insert(client.clone(), subscriber));
    reply(
        message,
        json!({
            "clientId": client, "version": "1.0", "minimumVersion": "1.0", "successful": true,
            "supportedConnectionTypes": ["long-polling"], "ext": {"replay": true, "payload.format": true},
        }),
    )
}

fn client_id(message: &Value) -> &str {
    message
        .get("clientId")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn subscribe(org: &Salesforce, message: &Value, user_id: &str) -> Value {
    let channel = message
        .get("subscription")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if channel != "/data/ChangeEvents" && object_of(org, channel).is_none() {
        return refusal(
            message,
            &format!("400::The channel specified is not valid: {channel}"),
        );
    }
    let newest = *org.store.commits().borrow();
    let replay = message
        .get("ext")
        .and_then(|e| e.get("replay"))
        .and_then(|r| r.get(channel));
    let position = match replay.and_then(Value::as_i64) {
        None | Some(-1) => newest,
        Some(-2) => oldest_kept(org),
        Some(id) => {
            let position = u64::try_from(id).ok().and_then(|id| id.checked_sub(REPLAY_BASE));
            match position.filter(|p| *p <= newest && *p >= oldest_kept(org)) {
                Some(position) => position,
                None => {
                    let text = format!(
                        "400::The replayId {{{id}}} you provided was invalid.  Please provide a valid ID, -2 to \
                         replay all events, or -1 to replay only new events."
                    );
                    return refusal(message, &text);
                }
            }
        }
    };
    let known = org.subscribers.with(|all| match all.get_mut(client_id(message)) {
        Some(subscriber) if subscriber.user_id == user_id => {
            subscriber.channels.insert(channel.to_owned(), position);
            true
        }
        _ => false,
    });
    if known {
        reply(message, json!({"successful": true}))
    } else {
        unknown_client(message)
    }
}

fn unsubscribe(org: &Salesforce, message: &Value, user_id: &str) -> Value {
    let channel = message
        .get("subscription")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let known = org.subscribers.with(|all| match all.get_mut(client_id(message)) {
        Some(subscriber) if subscriber.user_id == user_id => subscriber.channels.remove(channel).is_some(),
        _ => false,
    });
    if known {
        reply(message, json!({"successful": true}))
    } else {
        unknown_client(message)
    }
}

/// The log position before the first event that is still kept.
fn oldest_kept(org: &Salesforce) -> u64 {
    let horizon = org.store.now() - chrono::Duration::hours(72);
    let log = org.store.log_after(0, usize::MAX);
    let expired = log.iter().take_while(|e| e.record.changed_at < horizon).last();
    expired.map_or(0, |e| e.seq)
}

/// Waits until there is something to deliver, or the poll's time is over.
async fn connect(org: &Salesforce, message: &Value, user_id: &str, answers: &mut Vec<Value>) {
    let asked = message
        .get("advice")
        .and_then(|a| a.get("timeout"))
        .and_then(Value::as_u64);
    let wait = asked.map_or(POLL, |ms| Duration::from_millis(ms).min(POLL));
    let deadline = tokio::time::Instant::now() + wait;
    let mut commits = org.store.commits();
    loop {
        commits.borrow_and_update();
        let Some(events) = deliver(org, client_id(message), user_id) else {
            answers.push(unknown_client(message));
            return;
        };
        let found = !events.is_empty();
        answers.extend(events);
        if found
            || tokio::time::timeout_at(deadline, commits.changed())
                .await
                .is_err()
        {
            break;
        }
    }
    let advice = json!({"reconnect": "retry", "interval": 0, "timeout": POLL.as_millis()});
    answers.push(reply(message, json!({"successful": true, "advice": advice})));
}

/// The events since the last delivery on every channel of a client; `None` for an unknown client.
fn deliver(org: &Salesforce, client: &str, user_id: &str) -> Option<Vec<Value>> {
    org.subscribers.with(|all| {
        let subscriber = all.get_mut(client).filter(|s| s.user_id == user_id)?;
        let mut events = Vec::new();
        for (channel, position) in &mut subscriber.channels {
            let mut in_transaction = (0, 0);
            for entry in org.store.log_after(*position, 10_000) {
                *position = entry.seq;
                let Some(object) = org.schema.object(&entry.table) else {
                    continue;
                };
                in_transaction = match in_transaction {
                    (transaction, n) if transaction == entry.transaction => (transaction, n + 1),
                    _ => (entry.transaction, 1),
                };
                let wanted = channel == "/data/ChangeEvents" || *channel == channel_of(object);
                if wanted {
                    events.push(event(object, channel, &entry, in_transaction.1));
                }
            }
        }
        Some(events)
    })
}

fn channel_of(object: &Object) -> String {
    match object.name().strip_suffix("__c") {
        Some(stem) => format!("/data/{stem}__ChangeEvent"),
        None => format!("/data/{}ChangeEvent", object.name()),
    }
}

fn object_of<'o>(org: &'o Salesforce, channel: &str) -> Option<&'o Object> {
    org.schema.objects().iter().find(|o| channel_of(o) == channel)
}

/// One change: all filled fields of a new record, the changed ones of an old one, none of a deleted one.
fn event(object: &Object, channel: &str, entry: &LogEntry, sequence: u64) -> Value {
    let carried = |name: &str| !["Id", "IsDeleted", "SystemModstamp"].contains(&name);
    let changed: Vec<&String> = entry.changed.iter().filter(|name| carried(name)).collect();
    let (kind, names): (_, Vec<&String>) = match entry.verb {
        Verb::Create => ("CREATE", entry.record.fields.keys().collect()),
        Verb::Update => ("UPDATE", changed.clone()),
        Verb::Delete => ("DELETE", Vec::new()),
    };
    let mut payload = Map::new();
    for name in names {
        let value = entry.record.get(name);
        let text = object.field(name).is_some_and(|f| f.kind == FieldType::DateTime);
        match value.as_str().filter(|_| text) {
            Some(at) => payload.insert(name.clone(), Value::from(at.replace("+0000", "Z"))),
            None if value.is_null() && entry.verb == Verb::Create => None,
            None => payload.insert(name.clone(), value.clone()),
        };
    }
    let nulled: Vec<&&String> = changed
        .iter()
        .filter(|name| entry.record.get(name).is_null())
        .collect();
    let listed = |names: Vec<&String>| {
        if entry.verb == Verb::Update {
            json!(names)
        } else {
            json!([])
        }
    };
    let client = entry
        .caller
        .client
        .as_ref()
        .map(|c| format!(";client={c}"))
        .unwrap_or_default();
    let header = json!({
        "entityName": object.name(), "recordIds": [entry.record.id], "changeType": kind,
        "changeOrigin": format!("com/salesforce/api/rest/{}.0{client}", super::NEWEST),
        "transactionKey": format!("{:08x}-0000-4000-8000-{:012x}", entry.transaction, entry.transaction),
        "sequenceNumber": sequence, "commitTimestamp": entry.record.changed_at.timestamp_millis(),
        "commitNumber": entry.transaction, "commitUser": entry.record.get("LastModifiedById"),
        "nulledFields": if entry.verb == Verb::Update { json!(nulled) } else { json!([]) },
        "diffFields": [], "changedFields": listed(changed),
    });
    payload.insert("ChangeEventHeader".to_owned(), header);
    json!({
        "channel": channel,
        "data": {
            "schema": format!("{}ChangeEvent-1", object.name()),
            "payload": payload, "event": {"replayId": REPLAY_BASE + entry.seq},
        },
    })
}
