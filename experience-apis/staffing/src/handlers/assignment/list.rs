//! Who is placed.

use actix_web::{get, web};
use chassis::{Allowed, Handled, Problem};

use crate::handlers::assignments;
use crate::permissions::{ReadStaffing, person_of};
use crate::state::Staffing;
use crate::view::PlannedTime;

/// List assignments
///
/// Planned time by first day: a consultant's own, everybody's for those who plan.
#[utoipa::path(
    operation_id = "assignments_list",
    tag = "staffing",
    responses((status = 200, description = "The planned time", body = Vec<PlannedTime>), Problem),
    security(("bearer" = ["staffing:read"]))
)]
#[get("/v1/assignments")]
pub(crate) async fn list(
    allowed: Allowed<ReadStaffing>,
    staffing: web::Data<Staffing>,
) -> Handled<Vec<PlannedTime>> {
    let person = person_of(&allowed.caller);
    Ok(web::Json(assignments(&staffing, person.as_deref()).await?))
}
