//! Takes over what the process APIs tell: exceptions onto the desk, effects and decisions into the audit log.

use std::sync::Arc;

use canonical_model::{Event, ExceptionRecord, Result};
use chrono::Utc;
use persistence::Tx;
use process_client::EventQuery;
use process_serving::event_feed::{EventFollower, FetchEvents, TakeEvents, follow_events};

use crate::audit::{self, Entry};
use crate::reconciliation::take_gap;
use crate::{Control, desk};

/// Events asked for at once.
const PAGE: u32 = 500;
/// How long a process API may wait before it says that nothing happened, in milliseconds.
const WAIT_MS: u64 = 20_000;

/// Follows every process API.
pub(crate) fn follow_all(control: &Control) -> Vec<EventFollower> {
    control
        .processes
        .iter()
        .map(|(name, client)| {
            let client = client.clone();
            let fetch: FetchEvents = Arc::new(move |after| {
                let client = client.clone();
                Box::pin(async move {
                    let query = EventQuery {
                        after,
                        limit: Some(PAGE),
                        wait_ms: Some(WAIT_MS),
                    };
                    client.events(&query).await
                })
            });
            let process_api = *name;
            let follower = control.clone();
            let take: TakeEvents = Arc::new(move |tx, events| {
                let control = follower.clone();
                Box::pin(async move { take(tx, &control, process_api, &events).await })
            });
            follow_events(
                control.database.clone(),
                format!("events {name}"),
                fetch,
                take,
                Arc::new(|| {}),
            )
        })
        .collect()
}

async fn take(tx: &mut Tx, control: &Control, process_api: &str, events: &[Event]) -> Result<()> {
    let mut entries = Vec::new();
    for event in events {
        match event.kind.as_str() {
            "exception.opened" | "exception.changed" | "exception.closed" => {
                match serde_json::from_value::<ExceptionRecord>(event.data.clone()) {
                    Ok(record) => {
                        desk::take(tx, process_api, &record).await?;
                        entries.push(exception_entry(event, &record));
                    }
                    Err(error) => {
                        tracing::error!(event = %event.id, process_api, %error, "an exception cannot be read");
                        entries.push(unreadable_entry(event));
                    }
                }
            }
            "effect.applied" | "decision.made" => entries.push(entry(event)),
            "feed.gap" => take_gap(tx, event, &control.reconciliation, &control.wake).await?,
            _ => {}
        }
    }
    audit::append(tx, &entries, Utc::now().timestamp_millis()).await
}

fn entry(event: &Event) -> Entry {
    let actor = event
        .data
        .get("actor")
        .and_then(|a| a.as_str())
        .unwrap_or(&event.source);
    Entry {
        actor: actor.to_owned(),
        action: event.kind.clone(),
        subject: event.subject.clone(),
        detail: event.data.clone(),
        correlation_id: event.correlation_id.clone(),
    }
}

/// What happened, where the data is not as it was agreed and may say anything.
fn unreadable_entry(event: &Event) -> Entry {
    Entry {
        actor: event.source.clone(),
        action: event.kind.clone(),
        subject: event.subject.clone(),
        detail: serde_json::json!({ "event": event.id, "unreadable": true }),
        correlation_id: event.correlation_id.clone(),
    }
}

/// What happened to an exception, without the message: it may name people.
fn exception_entry(event: &Event, record: &ExceptionRecord) -> Entry {
    let detail = serde_json::json!({
        "exception": record.id,
        "process": record.process,
        "step": record.step,
        "cause": record.cause,
        "state": record.state,
        "resolution": record.resolution.as_ref().map(|r| serde_json::json!({"action": r.action, "reason": r.reason})),
    });
    Entry {
        actor: record.assignee.clone().unwrap_or_else(|| event.source.clone()),
        action: event.kind.clone(),
        subject: record.business_key.clone(),
        detail,
        correlation_id: event.correlation_id.clone(),
    }
}
