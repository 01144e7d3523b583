//! What happened.

use std::time::Duration;

use actix_web::{get, web};
use canonical_model::EventPage;
use chassis::{Allowed, Handled, Problem, Stopping, ValidQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::permissions::ReadEvents;
use crate::served::Served;

/// Which events.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventQuery {
    /// The cursor of the page before; without it, from the beginning.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    after: Option<String>,
    /// Events a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// How long to wait for the first event where there is none yet, in milliseconds.
    #[validate(range(max = 25_000))]
    #[param(maximum = 25_000)]
    wait_ms: Option<u64>,
}

/// List events
///
/// What happened in this API's processes, in the order in which it was committed. A reader keeps the cursor; an event may
/// come again and is known by its id. Refused with `malformed_cursor`.
#[utoipa::path(
    operation_id = "events_list",
    tag = "events",
    params(EventQuery),
    responses((status = 200, description = "A page of events", body = EventPage), Problem),
    security(("bearer" = ["events:read"]))
)]
#[get("/v1/events")]
pub(crate) async fn list(
    _allowed: Allowed<ReadEvents>,
    query: ValidQuery<EventQuery>,
    stopping: Stopping,
    served: web::Data<Served>,
) -> Handled<EventPage> {
    let EventQuery {
        after,
        limit,
        wait_ms,
    } = query.0;
    let (after, limit) = (after.unwrap_or_default(), limit.unwrap_or(100));
    let wait = Duration::from_millis(wait_ms.unwrap_or(0));
    let page = tokio::select! {
        page = served.desk.wait_for_events(&after, limit, wait) => page?,
        () = stopping.0.cancelled() => served.desk.events(&after, limit).await?,
    };
    Ok(web::Json(page))
}
