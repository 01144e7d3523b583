//! One process instance.

use actix_web::{get, web};
use canonical_model::{CanonicalId, InstanceView};
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadProcesses;
use crate::state::{Desk, correlated};

/// Read an instance
///
/// One running or ended process with its steps and what they did in systems of record.
#[utoipa::path(
    operation_id = "instance_read",
    tag = "processes",
    params(
        ("process_api" = String, Path, description = "Name of the process API", example = "quote-to-project"),
        ("id" = CanonicalId, Path, description = "Id of the instance"),
    ),
    responses((status = 200, description = "The instance", body = InstanceView), Problem),
    security(("bearer" = ["processes:read"]))
)]
#[get("/v1/instances/{process_api}/{id}")]
pub(crate) async fn read(
    _allowed: Allowed<ReadProcesses>,
    path: web::Path<(String, CanonicalId)>,
    desk: web::Data<Desk>,
) -> Handled<InstanceView> {
    let (process_api, id) = path.into_inner();
    Ok(web::Json(
        correlated(desk.process(&process_api)?.instance(id)).await?,
    ))
}
