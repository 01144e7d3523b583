//! A person decides about an exception.

use actix_web::{post, web};
use canonical_model::{CanonicalId, Resolution, ResolutionAccepted};
use chassis::{Allowed, Handled, IdempotencyKey, Problem};

use crate::permissions::ResolveExceptions;
use crate::{Control, desk_commands};

/// Resolve an exception
///
/// Tries again, answers what a step asked for, skips with a reason, or takes back what was done. The work goes on behind the
/// answer. Refused with `reason_missing` where a reason is needed, and with `segregation_of_duties` where the same person
/// set the mapping that the exception waited for.
#[utoipa::path(
    operation_id = "exception_resolve",
    tag = "exceptions",
    params(("id" = CanonicalId, Path, description = "Id of the exception"), IdempotencyKey),
    request_body = Resolution,
    responses((status = 200, description = "The decision is recorded", body = ResolutionAccepted), Problem),
    security(("bearer" = ["exceptions:resolve"]))
)]
#[post("/v1/exceptions/{id}/resolution")]
pub(crate) async fn resolve(
    allowed: Allowed<ResolveExceptions>,
    key: IdempotencyKey,
    id: web::Path<CanonicalId>,
    resolution: web::Json<Resolution>,
    control: web::Data<Control>,
) -> Handled<ResolutionAccepted> {
    let act = desk_commands::act(&key, &allowed.caller);
    let actor = allowed.caller.actor();
    Ok(web::Json(
        desk_commands::resolve(&control, id.into_inner(), &resolution, actor, &key, &act).await?,
    ))
}
