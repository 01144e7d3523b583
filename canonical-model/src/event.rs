//! Events between APIs: CloudEvents 1.0 in JSON, the subset that Fairlead uses.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A CloudEvent. `id` is also the id of the outbox row and of the message in a broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Always `1.0`.
    #[schema(example = "1.0")]
    pub specversion: String,
    /// UUIDv7; receivers drop an id that they have seen.
    pub id: String,
    /// The API that tells it, such as `/process/quote-to-project`.
    pub source: String,
    /// What happened, such as `project.activated`.
    #[serde(rename = "type")]
    #[schema(example = "project.activated")]
    pub kind: String,
    /// The business key: events of one subject keep their order.
    pub subject: String,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// One id from the first call to the last vendor write.
    #[serde(rename = "correlationid")]
    pub correlation_id: String,
    /// The facts.
    pub data: serde_json::Value,
}

/// A page of an API's event feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Give this as `after` to go on; the same as given when there is nothing new.
    pub next_cursor: String,
}
