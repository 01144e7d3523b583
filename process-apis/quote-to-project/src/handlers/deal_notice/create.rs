//! A deal may have been won.

use actix_web::{HttpResponse, post, web};
use canonical_model::{Accepted, DealNotice, Failure, Result};
use chassis::{Allowed, CorrelationId, IdempotencyKey, Problem, Valid};
use persistence::idempotency::{self, Seen};
use persistence::{Tx, inbox};
use process_engine::Engine;

use crate::intake;
use crate::permissions::WriteDeals;
use crate::services::Services;
use crate::state::QuoteToProject;

const OPERATION: &str = "deal_notice_create";

/// Tell of a won deal
///
/// Stores that a deal may have been won and answers; the deal is read and converted behind the answer. However often and
/// by whomever a deal is told, one instance works on it. Refused with `unknown_connection` where the connection is not
/// the one whose deals are taken up here.
#[utoipa::path(
    operation_id = "deal_notice_create",
    tag = "deals",
    params(IdempotencyKey),
    request_body = DealNotice,
    responses((status = 202, description = "The notice is stored; the instance that works on the deal", body = Accepted), Problem),
    security(("bearer" = ["deals:write"]))
)]
#[post("/v1/deal-notices")]
pub(crate) async fn create(
    _allowed: Allowed<WriteDeals>,
    key: IdempotencyKey,
    notice: Valid<DealNotice>,
    correlation: CorrelationId,
    state: web::Data<QuoteToProject>,
) -> Result<HttpResponse, Problem> {
    let notice = notice.0;
    if notice.connection != state.crm {
        let message = format!(
            "deals of {:?} are not taken up here, only those of {}",
            notice.connection, state.crm
        );
        return Err(Problem(Failure::business("unknown_connection", message)));
    }
    let engine = state.engine.clone();
    let accepted = state
        .db
        .write(move |tx| Box::pin(async move { accept(&engine, tx, &key.0, &notice, &correlation.0).await }))
        .await?;
    Ok(HttpResponse::Accepted().json(accepted))
}

async fn accept(
    engine: &Engine<Services>,
    tx: &mut Tx,
    key: &str,
    notice: &DealNotice,
    correlation_id: &str,
) -> Result<Accepted> {
    let digest = idempotency::digest(notice)?;
    if let Seen::Replay { body, .. } = idempotency::begin(tx, OPERATION, key, &digest).await? {
        return serde_json::from_str(&body).map_err(|e| unreadable(&e));
    }
    inbox::accept(tx, "deal-notices", key).await?;
    let started = intake::deal(
        engine,
        tx,
        &notice.connection,
        &notice.opportunity_id,
        correlation_id,
    )
    .await?;
    let accepted = Accepted {
        instance_id: Some(started.instance_id),
        new: started.new,
    };
    let body = serde_json::to_string(&accepted).map_err(|e| unreadable(&e))?;
    idempotency::finish(tx, OPERATION, key, 202, &body).await?;
    Ok(accepted)
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::fault(
        "unreadable_answer",
        "a recorded answer is not what it was written as",
    )
    .with_detail(error.to_string())
}
