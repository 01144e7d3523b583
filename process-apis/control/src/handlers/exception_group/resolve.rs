//! A person decides about all exceptions of one cause.

use actix_web::{post, web};
use canonical_model::{GroupResolution, ResolutionAccepted};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::permissions::ResolveExceptions;
use crate::{Control, desk_commands};

/// Resolve a group of exceptions
///
/// One decision about every open exception of one cause, in every process that has some. Refusals as for one exception.
#[utoipa::path(
    operation_id = "exception_group_resolve",
    tag = "exceptions",
    params(IdempotencyKey),
    request_body = GroupResolution,
    responses((status = 200, description = "The decision is recorded", body = ResolutionAccepted), Problem),
    security(("bearer" = ["exceptions:resolve"]))
)]
#[post("/v1/exception-groups/resolution")]
pub(crate) async fn resolve(
    allowed: Allowed<ResolveExceptions>,
    key: IdempotencyKey,
    resolution: Valid<GroupResolution>,
    control: web::Data<Control>,
) -> Handled<ResolutionAccepted> {
    let act = desk_commands::act(&key, &allowed.caller);
    let actor = allowed.caller.actor();
    Ok(web::Json(
        desk_commands::resolve_group(&control, &resolution.0, actor, &key, &act).await?,
    ))
}
