//! A value of a system is mapped, and what waited for that is tried again.

use actix_web::{put, web};
use canonical_model::ReferenceMapping;
use chassis::{Allowed, Handled, Problem};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::audit::{self, Entry};
use crate::handlers::asker;
use crate::permissions::WriteMappings;
use crate::{Control, desk_commands, mappings};

/// A mapping that was set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MappingSet {
    /// The mapping.
    pub(crate) mapping: ReferenceMapping,
    /// Exceptions that waited for it and are tried again.
    pub(crate) exceptions_retried: u64,
}

/// Set a mapping
///
/// States which canonical code a value of a system stands for. Exceptions that wait for this mapping are tried again, as a
/// group. Setting the same again retries what is still waiting.
#[utoipa::path(
    operation_id = "mapping_set",
    tag = "references",
    request_body = ReferenceMapping,
    responses((status = 200, description = "The mapping, and how much work goes on", body = MappingSet), Problem),
    security(("bearer" = ["mappings:write"]))
)]
#[put("/v1/mappings")]
pub(crate) async fn set(
    allowed: Allowed<WriteMappings>,
    mapping: web::Json<ReferenceMapping>,
    control: web::Data<Control>,
) -> Handled<MappingSet> {
    let (asker, mapping) = (asker(&allowed.caller), mapping.into_inner());
    mappings::check(&mapping)?;
    let subject = format!(
        "{}:{}:{}",
        mappings::word(mapping.domain),
        mapping.connection,
        mapping.value
    );
    let (set, about) = (mapping.clone(), subject.clone());
    control
        .database
        .write(move |tx| {
            Box::pin(async move {
                mappings::set(tx, &set, &asker.actor, asker.now_ms).await?;
                let entry = Entry {
                    actor: asker.actor,
                    action: "mapping.set".to_owned(),
                    subject: about,
                    detail: json!({"code": set.code}),
                    correlation_id: asker.correlation_id,
                };
                audit::append(tx, &[entry], asker.now_ms).await
            })
        })
        .await?;
    // Who looks for a value of a code names the code in the value's place.
    let of_code = format!(
        "{}:{}:{}",
        mappings::word(mapping.domain),
        mapping.connection,
        mapping.code
    );
    let mut exceptions_retried = desk_commands::retry_about(&control, &subject).await?;
    if of_code != subject {
        exceptions_retried += desk_commands::retry_about(&control, &of_code).await?;
    }
    Ok(web::Json(MappingSet {
        mapping,
        exceptions_retried,
    }))
}
