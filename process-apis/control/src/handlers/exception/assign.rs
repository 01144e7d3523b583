//! Somebody takes an exception.

use actix_web::{post, web};
use canonical_model::{AssignmentRequest, CanonicalId, ExceptionRecord};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::permissions::ResolveExceptions;
use crate::{Control, desk_commands};

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
    control: web::Data<Control>,
) -> Handled<ExceptionRecord> {
    let act = desk_commands::act(&key, &allowed.caller);
    Ok(web::Json(
        desk_commands::assign(
            &control,
            id.into_inner(),
            &assignment.0,
            allowed.caller.actor(),
            &act,
        )
        .await?,
    ))
}
