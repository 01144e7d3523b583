//! The dashboard as it changes.

use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpResponse, get, web};
use chassis::{Allowed, Problem, Stopping, ValidQuery};

use crate::handlers::SelectionQuery;
use crate::parts::events;
use crate::permissions::ReadDashboard;
use crate::state::Board;

/// Follow the dashboard
///
/// Server-sent events. `dashboard` carries the whole view as JSON, at first and whenever a figure changes; `part` carries
/// `{id, html}` of one element of the page that looks different. The stream ends after some minutes: connect again. Refusals
/// as for reading; `too_many_views` where too many different selections are followed at once.
#[utoipa::path(
    operation_id = "dashboard_follow",
    tag = "dashboard",
    params(SelectionQuery),
    responses((status = 200, description = "The events", body = String, content_type = "text/event-stream"), Problem),
    security(("bearer" = ["dashboard:read"]))
)]
#[get("/v1/dashboard/events")]
pub(crate) async fn stream(
    allowed: Allowed<ReadDashboard>,
    query: ValidQuery<SelectionQuery>,
    stopping: Stopping,
    board: web::Data<Board>,
) -> Result<HttpResponse, Problem> {
    let selection = query.0.for_reader(&allowed.caller);
    let feed = board.live.follow(selection).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(events(feed, board.live.settings().longest(), stopping)))
}
