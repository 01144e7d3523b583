//! One exception.

use actix_web::{get, web};
use canonical_model::{CanonicalId, ExceptionRecord};
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadExceptions;
use crate::state::{Desk, correlated};

/// Read an exception
///
/// Everything that is needed to decide about it.
#[utoipa::path(
    operation_id = "exception_read",
    tag = "exceptions",
    params(("id" = CanonicalId, Path, description = "Id of the exception")),
    responses((status = 200, description = "The exception", body = ExceptionRecord), Problem),
    security(("bearer" = ["exceptions:read"]))
)]
#[get("/v1/exceptions/{id}")]
pub(crate) async fn read(
    _allowed: Allowed<ReadExceptions>,
    id: web::Path<CanonicalId>,
    desk: web::Data<Desk>,
) -> Handled<ExceptionRecord> {
    Ok(web::Json(
        correlated(desk.control.desk().exception(id.into_inner())).await?,
    ))
}
