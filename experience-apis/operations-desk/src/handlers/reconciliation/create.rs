//! Somebody asks for a comparison.

use actix_web::{HttpResponse, post, web};
use canonical_model::{Reconciliation, ReconciliationRequest};
use chassis::{Allowed, IdempotencyKey, Problem, Valid};

use crate::permissions::RunReconciliations;
use crate::state::{Desk, act, correlated};

/// Start a reconciliation
///
/// Compares what the PSA approved, what the journal says was posted, and what stands in the ERP: for an accounting period
/// or for days, of everything or of one legal entity, region or project. The work goes on behind the answer.
#[utoipa::path(
    operation_id = "reconciliation_create",
    tag = "reconciliation",
    params(IdempotencyKey),
    request_body = ReconciliationRequest,
    responses((status = 202, description = "The reconciliation, in the queue", body = Reconciliation), Problem),
    security(("bearer" = ["reconciliations:run"]))
)]
#[post("/v1/reconciliations")]
pub(crate) async fn create(
    allowed: Allowed<RunReconciliations>,
    key: IdempotencyKey,
    asked: Valid<ReconciliationRequest>,
    desk: web::Data<Desk>,
) -> Result<HttpResponse, Problem> {
    let act = act(&key, &allowed.caller);
    let queued = correlated(desk.control.start_reconciliation(&asked.0, &act)).await?;
    Ok(HttpResponse::Accepted().json(queued))
}
