//! What waits for a person, by cause.

use actix_web::{get, web};
use canonical_model::ExceptionGroup;
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadProcesses;
use crate::served::Served;

/// List exception groups
///
/// Open exceptions of this API's processes by cause, with the money that waits.
#[utoipa::path(
    operation_id = "exception_groups_list",
    tag = "exceptions",
    responses((status = 200, description = "One group a cause, the one that is due first first", body = Vec<ExceptionGroup>), Problem),
    security(("bearer" = ["processes:read"]))
)]
#[get("/v1/exception-groups")]
pub(crate) async fn list(
    _allowed: Allowed<ReadProcesses>,
    served: web::Data<Served>,
) -> Handled<Vec<ExceptionGroup>> {
    Ok(web::Json(served.desk.exception_groups().await?))
}
