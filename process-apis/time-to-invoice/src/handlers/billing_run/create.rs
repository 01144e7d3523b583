//! Asks for invoices.

use actix_web::{HttpResponse, post, web};
use canonical_model::{Accepted, BillingRunRequest, Result};
use chassis::{Allowed, CorrelationId, IdempotencyKey, Problem, Valid};

use crate::billing::start::{self, Occasion};
use crate::permissions::WriteBilling;
use crate::state::TimeToInvoice;

const OPERATION: &str = "billing_run_create";

/// Ask for invoices
///
/// Begins one run for each project that has posted, billable work on no invoice up to the day, and one for each agreed
/// charge that is due by then; narrowed to a project, a legal entity or a billing method where the request says so. What
/// a run charges for is claimed with the answer, so that two requests never charge the same. Where nothing is left to
/// charge, nothing begins and `new` is false. Cap and purchase order are checked behind the answer: see the runs and
/// the exceptions `over_cap` and `missing_purchase_order`.
#[utoipa::path(
    operation_id = "billing_run_create",
    tag = "billing",
    params(IdempotencyKey),
    request_body = BillingRunRequest,
    responses(
        (status = 202, description = "The runs have begun; the instance, where it is one", body = Accepted),
        Problem
    ),
    security(("bearer" = ["billing:write"]))
)]
#[post("/v1/billing-runs")]
pub(crate) async fn create(
    allowed: Allowed<WriteBilling>,
    key: IdempotencyKey,
    request: Valid<BillingRunRequest>,
    correlation: CorrelationId,
    state: web::Data<TimeToInvoice>,
) -> Result<HttpResponse, Problem> {
    let (request, engine) = (request.0, state.engine.clone());
    let occasion = Occasion {
        requested_by: allowed.caller.actor().to_owned(),
        correlation_id: correlation.0,
        now: canonical_model::clock::now(),
    };
    let asked = request.clone();
    let accepted: Accepted = process_serving::once(&state.db, OPERATION, &key.0, &request, move |tx| {
        Box::pin(async move {
            tx.lock("billing runs").await?;
            let begun = start::requested(&engine, tx, &asked, &occasion).await?;
            Ok(Accepted {
                instance_id: begun.instance_id,
                new: begun.runs > 0,
            })
        })
    })
    .await?;
    Ok(HttpResponse::Accepted().json(accepted))
}
