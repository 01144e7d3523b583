//! Compares the PSA with what is posted, on request.

use actix_web::{HttpResponse, post, web};
use canonical_model::{Accepted, Failure, Result};
use chassis::{Allowed, CorrelationId, IdempotencyKey, Problem, Valid};
use chrono::NaiveDate;
use process_engine::Start;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::permissions::WriteWork;
use crate::state::TimeToInvoice;
use crate::sweep::{self, Sweep};

const OPERATION: &str = "work_sweep_create";
/// Days of one sweep at most.
const LONGEST: i64 = 400;

/// Asks for a comparison of the PSA with what is posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkSweepRequest {
    /// First day of the work.
    #[schema(example = "2026-10-01")]
    pub(crate) date_from: NaiveDate,
    /// Last day of the work, at most 400 days later.
    #[schema(example = "2026-10-31")]
    pub(crate) date_to: NaiveDate,
}

/// Compare the PSA with what is posted
///
/// Lists the approved work of these days again, day by day, and asks the PSA for each time entry and expense that is
/// posted, or about to be, and not among it. What was never heard of is posted; what changed, lost its approval or is gone
/// is reversed. The same happens by itself for the last weeks once a day. Refused with `date_range_invalid` where the
/// days are in the wrong order or too many.
#[utoipa::path(
    operation_id = "work_sweep_create",
    tag = "work",
    params(IdempotencyKey),
    request_body = WorkSweepRequest,
    responses((status = 202, description = "The comparison has begun", body = Accepted), Problem),
    security(("bearer" = ["work:write"]))
)]
#[post("/v1/work-sweeps")]
pub(crate) async fn create(
    _allowed: Allowed<WriteWork>,
    key: IdempotencyKey,
    request: Valid<WorkSweepRequest>,
    correlation: CorrelationId,
    state: web::Data<TimeToInvoice>,
) -> Result<HttpResponse, Problem> {
    let request = request.0;
    let days = request
        .date_to
        .signed_duration_since(request.date_from)
        .num_days();
    if !(0..=LONGEST).contains(&days) {
        let message = format!(
            "{} to {} is no range of days that can be compared: at most {LONGEST}, the first day first",
            request.date_from, request.date_to
        );
        return Err(Problem(Failure::business("date_range_invalid", message)));
    }
    let sweep = Sweep {
        connection: state.psa.clone(),
        from: request.date_from,
        to: request.date_to,
    };
    let (engine, message) = (state.engine.clone(), key.0.clone());
    let accepted: Accepted = process_serving::once(&state.db, OPERATION, &key.0, &request, move |tx| {
        Box::pin(async move {
            let start = Start {
                process: sweep::NAME,
                business_key: &format!("{} {} {} {message}", sweep.connection, sweep.from, sweep.to),
                correlation_id: &correlation.0,
                state: &sweep,
            };
            let started = engine.start_in(tx, start).await?;
            Ok(Accepted {
                instance_id: Some(started.instance_id),
                new: started.new,
            })
        })
    })
    .await?;
    Ok(HttpResponse::Accepted().json(accepted))
}
