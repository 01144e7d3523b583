//! Somebody takes an exception.

use actix_web::{post, web};
use canonical_model::{AssignmentRequest, CanonicalId, ExceptionRecord};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::permissions::ResolveExceptions;
use crate::state::{Desk, act, correlated};

/// Assign an exception
///
/// Gives an exception to a person, or to nobody.
#[utoipa::path(
    operation_id = "exception_assign",
    tag = "exceptions",
    params(("id" = CanonicalId, Path, description = "Id of the exception"), IdempotencyKey),
    request_body = AssignmentRequest,
    responses((status = 200, description = "The exception as it is now", body = ExceptionRecord), Problem),
    security(("bearer" = ["exceptions:resolve"]))
)]
#[post("/v1/exceptions/{id}/assignment")]
pub(crate) async fn assign(
    allowed: Allowed<ResolveExceptions>,
    key: IdempotencyKey,
    id: web::Path<CanonicalId>,
    assignment: Valid<AssignmentRequest>,
    desk: web::Data<Desk>,
) -> Handled<ExceptionRecord> {
    let act = act(&key, &allowed.caller);
    let control = desk.control.desk();
    Ok(web::Json(
        correlated(control.assign(id.into_inner(), &assignment.0, &act)).await?,
    ))
}
