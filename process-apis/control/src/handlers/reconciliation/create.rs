//! Somebody asks for a comparison.

use actix_web::{HttpResponse, post, web};
use canonical_model::{Reconciliation, ReconciliationRequest};
use chassis::{Allowed, IdempotencyKey, Problem, Valid};
use process_serving::once;

use crate::handlers::asker;
use crate::permissions::RunReconciliations;
use crate::{Control, reconciliation};

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
    control: web::Data<Control>,
) -> Result<HttpResponse, Problem> {
    let (asker, asked, wake) = (asker(&allowed.caller), asked.0, control.wake.runs.clone());
    let wanted = asked.clone();
    let queued: Reconciliation = once(
        &control.database,
        "reconciliation_create",
        &key.0,
        &asked,
        move |tx| {
            Box::pin(async move {
                tx.after_commit(move || wake.notify_one());
                reconciliation::request(tx, &wanted, &asker).await
            })
        },
    )
    .await?;
    Ok(HttpResponse::Accepted().json(queued))
}
