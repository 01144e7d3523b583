//! A deal may have been won.

use actix_web::{HttpResponse, post, web};
use canonical_model::{Accepted, DealNotice, Failure};
use chassis::{Allowed, CorrelationId, IdempotencyKey, Problem, Valid};
use persistence::inbox;
use process_serving::once;

use crate::intake;
use crate::permissions::WriteDeals;
use crate::state::QuoteToProject;

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
    let (engine, told, name) = (state.engine.clone(), notice.clone(), key.0.clone());
    let accepted = once(&state.db, "deal_notice_create", &key.0, &notice, move |tx| {
        Box::pin(async move {
            inbox::accept(tx, "deal-notices", &name).await?;
            let (connection, id) = (told.connection.as_str(), told.opportunity_id.as_str());
            let started = intake::deal(&engine, tx, connection, id, &correlation.0).await?;
            Ok(Accepted {
                instance_id: Some(started.instance_id),
                new: started.new,
            })
        })
    })
    .await?;
    Ok(HttpResponse::Accepted().json(accepted))
}
