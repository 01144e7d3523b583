//! One exception.

use actix_web::{get, web};
use canonical_model::{CanonicalId, ExceptionRecord};
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadExceptions;
use crate::{Control, desk};

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
    control: web::Data<Control>,
) -> Handled<ExceptionRecord> {
    let id = id.into_inner();
    let (_, record) = control
        .database
        .read(move |tx| Box::pin(async move { desk::read(tx, id).await }))
        .await?;
    Ok(web::Json(record))
}
