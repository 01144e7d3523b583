//! A value of a system is mapped, and what waited for that is tried again.

use actix_web::{put, web};
use canonical_model::ReferenceMapping;
use chassis::{Allowed, Handled, Problem};
use process_client::Act;
use serde::Serialize;
use utoipa::ToSchema;

use crate::permissions::WriteMappings;
use crate::state::{Desk, correlated};

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
    desk: web::Data<Desk>,
) -> Handled<MappingSet> {
    let act = Act::once().on_behalf_of(allowed.caller.actor());
    let mapping = mapping.into_inner();
    let exceptions_retried = correlated(desk.control.set_mapping(&mapping, &act)).await?;
    Ok(web::Json(MappingSet {
        mapping,
        exceptions_retried,
    }))
}
