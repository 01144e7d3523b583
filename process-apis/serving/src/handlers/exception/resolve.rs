//! A person decides about an exception.

use actix_web::{post, web};
use canonical_model::{CanonicalId, Resolution, ResolutionAccepted};
use chassis::{Allowed, Handled, IdempotencyKey, Problem};

use crate::permissions::WriteProcesses;
use crate::served::Served;

/// Resolve an exception
///
/// Tries again, answers what a step asked for, skips with a reason, or takes back what was done. Refused with
/// `already_closed`, `already_retrying`, `reason_missing` or `answer_missing`.
#[utoipa::path(
    operation_id = "exception_resolve",
    tag = "exceptions",
    params(("id" = CanonicalId, Path, description = "Id of the exception"), IdempotencyKey),
    request_body = Resolution,
    responses((status = 200, description = "The decision is recorded", body = ResolutionAccepted), Problem),
    security(("bearer" = ["processes:write"]))
)]
#[post("/v1/exceptions/{id}/resolution")]
pub(crate) async fn resolve(
    allowed: Allowed<WriteProcesses>,
    key: IdempotencyKey,
    id: web::Path<CanonicalId>,
    resolution: web::Json<Resolution>,
    served: web::Data<Served>,
) -> Handled<ResolutionAccepted> {
    let (id, desk, resolution) = (id.into_inner(), served.desk.clone(), resolution.into_inner());
    let actor = allowed.caller.actor().to_owned();
    let accepted = served
        .once(
            "exception_resolve",
            &key.0,
            &(id, resolution.clone()),
            move |tx| {
                Box::pin(async move {
                    desk.resolve_exception_in(tx, id, &resolution, &actor).await?;
                    Ok(ResolutionAccepted { exceptions: 1 })
                })
            },
        )
        .await?;
    Ok(web::Json(accepted))
}
