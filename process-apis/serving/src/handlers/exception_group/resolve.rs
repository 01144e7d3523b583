//! A person decides about all exceptions of one cause.

use actix_web::{post, web};
use canonical_model::{GroupResolution, ResolutionAccepted};
use chassis::{Allowed, Handled, IdempotencyKey, Problem, Valid};

use crate::permissions::WriteProcesses;
use crate::served::Served;

/// Resolve a group of exceptions
///
/// One decision about every open exception of one cause; carried out behind the answer. Refused with `reason_missing` or
/// `answer_missing`.
#[utoipa::path(
    operation_id = "exception_group_resolve",
    tag = "exceptions",
    params(IdempotencyKey),
    request_body = GroupResolution,
    responses((status = 200, description = "The decision is recorded", body = ResolutionAccepted), Problem),
    security(("bearer" = ["processes:write"]))
)]
#[post("/v1/exception-groups/resolution")]
pub(crate) async fn resolve(
    allowed: Allowed<WriteProcesses>,
    key: IdempotencyKey,
    group: Valid<GroupResolution>,
    served: web::Data<Served>,
) -> Handled<ResolutionAccepted> {
    let (desk, group, actor) = (served.desk.clone(), group.0, allowed.caller.actor().to_owned());
    let request = group.clone();
    let accepted = served
        .once("exception_group_resolve", &key.0, &request, move |tx| {
            Box::pin(async move {
                let exceptions = desk
                    .resolve_group_in(tx, &group.cause, &group.resolution, &actor)
                    .await?;
                Ok(ResolutionAccepted { exceptions })
            })
        })
        .await?;
    Ok(web::Json(accepted))
}
