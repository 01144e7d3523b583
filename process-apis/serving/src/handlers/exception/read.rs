//! One exception.

use actix_web::{get, web};
use canonical_model::{CanonicalId, ExceptionRecord};
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadProcesses;
use crate::served::Served;

/// Read an exception
///
/// Everything that is needed to decide about it.
#[utoipa::path(
    operation_id = "exception_read",
    tag = "exceptions",
    params(("id" = CanonicalId, Path, description = "Id of the exception")),
    responses((status = 200, description = "The exception", body = ExceptionRecord), Problem),
    security(("bearer" = ["processes:read"]))
)]
#[get("/v1/exceptions/{id}")]
pub(crate) async fn read(
    _allowed: Allowed<ReadProcesses>,
    id: web::Path<CanonicalId>,
    served: web::Data<Served>,
) -> Handled<ExceptionRecord> {
    Ok(web::Json(served.desk.exception(id.into_inner()).await?))
}
