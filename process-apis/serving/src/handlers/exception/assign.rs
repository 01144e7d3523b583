//! Somebody takes an exception.

use actix_web::{post, web};
use canonical_model::{AssignmentRequest, CanonicalId, ExceptionRecord};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::permissions::WriteProcesses;
use crate::served::Served;

/// Assign an exception
///
/// Gives an exception to a person, or to nobody. Refused with `already_closed` where it is closed.
#[utoipa::path(
    operation_id = "exception_assign",
    tag = "exceptions",
    params(("id" = CanonicalId, Path, description = "Id of the exception"), IdempotencyKey),
    request_body = AssignmentRequest,
    responses((status = 200, description = "The exception as it is now", body = ExceptionRecord), Problem),
    security(("bearer" = ["processes:write"]))
)]
#[post("/v1/exceptions/{id}/assignment")]
pub(crate) async fn assign(
    _allowed: Allowed<WriteProcesses>,
    key: IdempotencyKey,
    id: web::Path<CanonicalId>,
    assignment: Valid<AssignmentRequest>,
    served: web::Data<Served>,
) -> Handled<ExceptionRecord> {
    let (id, desk, assignee) = (id.into_inner(), served.desk.clone(), assignment.0.assignee);
    let record = served
        .once("exception_assign", &key.0, &(id, assignee.clone()), move |tx| {
            Box::pin(async move { desk.assign_exception_in(tx, id, assignee.as_deref()).await })
        })
        .await?;
    Ok(web::Json(record))
}
