//! The dashboard as JSON.

use actix_web::{get, web};
use chassis::{Allowed, Handled, Problem, ValidQuery};

use crate::handlers::SelectionQuery;
use crate::permissions::ReadDashboard;
use crate::state::Board;
use crate::view::Dashboard;

/// Read the dashboard
///
/// Key figures with their definitions, how projects stand, ages of work in progress, and what waits for whom. Figures made of
/// cost, and margins, are absent for readers who may not see cost. What waits is of the whole firm. Refused with
/// `malformed_window` where the days make no window.
#[utoipa::path(
    operation_id = "dashboard_read",
    tag = "dashboard",
    params(SelectionQuery),
    responses((status = 200, description = "The dashboard as it is now", body = Dashboard), Problem),
    security(("bearer" = ["dashboard:read"]))
)]
#[get("/v1/dashboard")]
pub(crate) async fn read(
    allowed: Allowed<ReadDashboard>,
    query: ValidQuery<SelectionQuery>,
    board: web::Data<Board>,
) -> Handled<Dashboard> {
    let selection = query.0.for_reader(&allowed.caller);
    Ok(web::Json(board.read(&selection).await?))
}
