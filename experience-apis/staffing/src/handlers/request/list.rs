//! Who is wanted.

use actix_web::{get, web};
use chassis::{Allowed, Handled, Problem};

use crate::handlers::requests;
use crate::permissions::ReadStaffing;
use crate::state::Staffing;
use crate::view::StaffingRequest;

/// List requests
///
/// Wishes for people of all projects, the open ones first, by first day.
#[utoipa::path(
    operation_id = "requests_list",
    tag = "staffing",
    responses((status = 200, description = "The requests", body = Vec<StaffingRequest>), Problem),
    security(("bearer" = ["staffing:read"]))
)]
#[get("/v1/requests")]
pub(crate) async fn list(
    _allowed: Allowed<ReadStaffing>,
    staffing: web::Data<Staffing>,
) -> Handled<Vec<StaffingRequest>> {
    Ok(web::Json(requests(&staffing, None).await?))
}
