//! What is certified.

use actix_web::{get, web};
use canonical_model::{CanonicalId, IssuedCertificate};
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadReconciliations;
use crate::state::{Desk, correlated};

/// Read a certificate
///
/// Figures, counts and hashes of the compared sets, with the text as it was stored and its hash, which the audit log holds
/// too. A reconciliation with differences that nobody resolved, or with work on its way, has none: `not_found`.
#[utoipa::path(
    operation_id = "certificate_read",
    tag = "reconciliation",
    params(("id" = CanonicalId, Path, description = "Id of the reconciliation")),
    responses((status = 200, description = "The certificate", body = IssuedCertificate), Problem),
    security(("bearer" = ["reconciliations:read"]))
)]
#[get("/v1/reconciliations/{id}/certificate")]
pub(crate) async fn certificate(
    _allowed: Allowed<ReadReconciliations>,
    id: web::Path<CanonicalId>,
    desk: web::Data<Desk>,
) -> Handled<IssuedCertificate> {
    let found = correlated(desk.control.certificate(id.into_inner())).await?;
    Ok(web::Json(found))
}
