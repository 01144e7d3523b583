//! May a value from one system change fields in another?

use actix_web::{HttpResponse, post, web};
use canonical_model::OwnershipCheck;
use chassis::{Allowed, IdempotencyKey, Problem, Valid};
use serde_json::json;

use crate::Control;
use crate::audit::{self, Entry};
use crate::handlers::asker;
use crate::permissions::CheckOwnership;

/// Check ownership
///
/// Says whether a value that comes from one kind of system may change fields of a record in another. Refused with
/// `field_not_owned`, naming the field, its owner and why; a refusal is recorded in the audit log.
#[utoipa::path(
    operation_id = "ownership_check",
    tag = "references",
    params(IdempotencyKey),
    request_body = OwnershipCheck,
    responses((status = 204, description = "The write is in order"), Problem),
    security(("bearer" = ["ownership:check"]))
)]
#[post("/v1/ownership/checks")]
pub(crate) async fn check(
    allowed: Allowed<CheckOwnership>,
    _key: IdempotencyKey,
    check: Valid<OwnershipCheck>,
    control: web::Data<Control>,
) -> Result<HttpResponse, Problem> {
    let (asker, check) = (asker(&allowed.caller), check.0);
    let fields = check.fields.iter().map(String::as_str);
    let Err(refusal) = control.ownership.check(&check.resource, fields, check.origin) else {
        return Ok(HttpResponse::NoContent().finish());
    };
    let entry = Entry {
        actor: asker.actor,
        action: "write.refused".to_owned(),
        subject: check.resource.clone(),
        detail: json!({"origin": check.origin, "fields": check.fields, "why": refusal.message}),
        correlation_id: asker.correlation_id,
    };
    control
        .database
        .write(move |tx| Box::pin(async move { audit::append(tx, &[entry], asker.now_ms).await }))
        .await?;
    Err(Problem(refusal))
}
