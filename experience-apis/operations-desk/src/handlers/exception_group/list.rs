//! What waits for a person, by cause.

use actix_web::{get, web};
use canonical_model::ExceptionGroup;
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadExceptions;
use crate::state::{Desk, correlated};

/// List exception groups
///
/// Open exceptions of all processes by cause, with the money that waits; mending a cause lets its group be tried again.
#[utoipa::path(
    operation_id = "exception_groups_list",
    tag = "exceptions",
    responses((status = 200, description = "One group a cause, the most urgent first", body = Vec<ExceptionGroup>), Problem),
    security(("bearer" = ["exceptions:read"]))
)]
#[get("/v1/exception-groups")]
pub(crate) async fn list(
    _allowed: Allowed<ReadExceptions>,
    desk: web::Data<Desk>,
) -> Handled<Vec<ExceptionGroup>> {
    let groups = correlated(desk.control.desk().exception_groups()).await?;
    Ok(web::Json(groups))
}
