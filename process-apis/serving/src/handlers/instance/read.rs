//! One instance.

use actix_web::{get, web};
use canonical_model::{CanonicalId, InstanceView};
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadProcesses;
use crate::served::Served;
use crate::view;

/// Read an instance
///
/// An instance with its steps, what each has done in systems of record, and which of them could be taken back.
#[utoipa::path(
    operation_id = "instance_read",
    tag = "instances",
    params(("id" = CanonicalId, Path, description = "Id of the instance")),
    responses((status = 200, description = "The instance", body = InstanceView), Problem),
    security(("bearer" = ["processes:read"]))
)]
#[get("/v1/instances/{id}")]
pub(crate) async fn read(
    _allowed: Allowed<ReadProcesses>,
    id: web::Path<CanonicalId>,
    served: web::Data<Served>,
) -> Handled<InstanceView> {
    Ok(web::Json(view::detail(
        served.desk.instance(id.into_inner()).await?,
    )))
}
