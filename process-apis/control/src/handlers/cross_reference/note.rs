//! A record is the same thing as another.

use actix_web::{put, web};
use canonical_model::CrossReference;
use chassis::{Allowed, Handled, Problem};
use serde_json::json;

use crate::audit::{self, Entry};
use crate::handlers::asker;
use crate::permissions::WriteReferences;
use crate::references::Noted;
use crate::{Control, references};

/// Note a cross-reference
///
/// Notes which canonical thing a record of a system is. Noting the same again changes nothing. Refused with
/// `already_referenced` where the record stands for another thing, or the thing has another record in that system.
#[utoipa::path(
    operation_id = "cross_reference_note",
    tag = "references",
    request_body = CrossReference,
    responses((status = 200, description = "The reference as noted", body = CrossReference), Problem),
    security(("bearer" = ["references:write"]))
)]
#[put("/v1/cross-references")]
pub(crate) async fn note(
    allowed: Allowed<WriteReferences>,
    reference: web::Json<CrossReference>,
    control: web::Data<Control>,
) -> Handled<CrossReference> {
    let (asker, reference) = (asker(&allowed.caller), reference.into_inner());
    let noted = reference.clone();
    control
        .database
        .write(move |tx| {
            Box::pin(async move {
                if references::note(tx, &noted, asker.now_ms).await? == Noted::Known {
                    return Ok(());
                }
                let entry = Entry {
                    actor: asker.actor,
                    action: "reference.noted".to_owned(),
                    subject: format!("{} {} {}", noted.resource, noted.connection, noted.id),
                    detail: json!({"canonical_id": noted.canonical_id}),
                    correlation_id: asker.correlation_id,
                };
                audit::append(tx, &[entry], asker.now_ms).await
            })
        })
        .await?;
    Ok(web::Json(reference))
}
