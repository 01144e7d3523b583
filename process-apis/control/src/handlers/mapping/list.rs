//! Mappings of reference data.

use actix_web::{get, web};
use canonical_model::{MappingDomain, ReferenceMapping};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::permissions::ReadReferences;
use crate::{Control, mappings};

/// Which mappings.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct MappingQuery {
    /// Only of this domain.
    domain: Option<MappingDomain>,
    /// Only of this connection.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    connection: Option<String>,
}

/// List mappings
///
/// What values of systems stand for which canonical codes.
#[utoipa::path(
    operation_id = "mappings_list",
    tag = "references",
    params(MappingQuery),
    responses((status = 200, description = "The mappings, by domain, connection and value", body = Vec<ReferenceMapping>), Problem),
    security(("bearer" = ["references:read"]))
)]
#[get("/v1/mappings")]
pub(crate) async fn list(
    _allowed: Allowed<ReadReferences>,
    query: ValidQuery<MappingQuery>,
    control: web::Data<Control>,
) -> Handled<Vec<ReferenceMapping>> {
    let MappingQuery { domain, connection } = query.0;
    let found = control
        .database
        .read(move |tx| Box::pin(async move { mappings::list(tx, domain, connection.as_deref()).await }))
        .await?;
    Ok(web::Json(found))
}
