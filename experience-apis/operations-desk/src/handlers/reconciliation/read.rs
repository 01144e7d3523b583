//! One comparison.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Reconciliation};
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadReconciliations;
use crate::state::{Desk, correlated};

/// Read a reconciliation
///
/// Where it stands; once it has ended, with its figures by legal entity, region, project, period and currency.
#[utoipa::path(
    operation_id = "reconciliation_read",
    tag = "reconciliation",
    params(("id" = CanonicalId, Path, description = "Id of the reconciliation")),
    responses((status = 200, description = "The reconciliation", body = Reconciliation), Problem),
    security(("bearer" = ["reconciliations:read"]))
)]
#[get("/v1/reconciliations/{id}")]
pub(crate) async fn read(
    _allowed: Allowed<ReadReconciliations>,
    id: web::Path<CanonicalId>,
    desk: web::Data<Desk>,
) -> Handled<Reconciliation> {
    let found = correlated(desk.control.reconciliation(id.into_inner())).await?;
    Ok(web::Json(found))
}
