//! Time, an expense or a milestone may have changed.

use std::sync::Arc;

use actix_web::{HttpResponse, post, web};
use canonical_model::{Accepted, Failure, Result, SourceKind, WorkNotice};
use chassis::{Allowed, IdempotencyKey, Problem, Valid};
use persistence::inbox;

use crate::permissions::WriteWork;
use crate::state::TimeToInvoice;

const OPERATION: &str = "work_notice_create";

/// Tell of changed work
///
/// Says that time entries, expenses or milestones may have changed. What is true is read from the PSA's feed, which is
/// looked at now instead of at the end of its pause; a notice that never comes is made up for by the feed. Refused with
/// `unknown_connection` where the connection is not the one whose work is taken in here.
#[utoipa::path(
    operation_id = "work_notice_create",
    tag = "work",
    params(IdempotencyKey),
    request_body = WorkNotice,
    responses((status = 202, description = "The notice is taken", body = Accepted), Problem),
    security(("bearer" = ["work:write"]))
)]
#[post("/v1/work-notices")]
pub(crate) async fn create(
    _allowed: Allowed<WriteWork>,
    key: IdempotencyKey,
    notice: Valid<WorkNotice>,
    state: web::Data<TimeToInvoice>,
) -> Result<HttpResponse, Problem> {
    let notice = notice.0;
    if notice.connection != state.psa {
        let message = format!(
            "work of {:?} is not taken in here, only that of {}",
            notice.connection, state.psa
        );
        return Err(Problem(Failure::business("unknown_connection", message)));
    }
    let feed = match notice.kind {
        SourceKind::TimeEntry => Arc::clone(&state.feeds.time_entries),
        SourceKind::Expense => Arc::clone(&state.feeds.expenses),
        SourceKind::Milestone | SourceKind::BillingEvent => Arc::clone(&state.feeds.milestones),
    };
    let message = key.0.clone();
    let accepted: Accepted = process_serving::once(&state.db, OPERATION, &key.0, &notice, move |tx| {
        Box::pin(async move {
            tx.after_commit(move || feed.notify_one());
            let new = inbox::accept(tx, "work-notices", &message).await?;
            Ok(Accepted {
                instance_id: None,
                new,
            })
        })
    })
    .await?;
    Ok(HttpResponse::Accepted().json(accepted))
}
