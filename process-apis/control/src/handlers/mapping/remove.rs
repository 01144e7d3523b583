//! A mapping is taken back.

use actix_web::{HttpResponse, delete, web};
use canonical_model::MappingDomain;
use chassis::{Allowed, Problem, ValidQuery};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use validator::Validate;

use crate::audit::{self, Entry};
use crate::handlers::asker;
use crate::permissions::WriteMappings;
use crate::{Control, mappings};

/// Which mapping.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct MappingKey {
    /// Its domain.
    domain: MappingDomain,
    /// Its connection, such as `psa/main`.
    #[validate(length(min = 1, max = 100))]
    #[param(min_length = 1, max_length = 100)]
    connection: String,
    /// The system's value.
    #[validate(length(min = 1, max = 200))]
    #[param(min_length = 1, max_length = 200)]
    value: String,
}

/// Remove a mapping
///
/// What was posted under it stays as it is; what comes next with this value waits for a person. Refused with `not_found`
/// where there is no such mapping.
#[utoipa::path(
    operation_id = "mapping_remove",
    tag = "references",
    params(MappingKey),
    responses((status = 204, description = "The mapping is gone"), Problem),
    security(("bearer" = ["mappings:write"]))
)]
#[delete("/v1/mappings")]
pub(crate) async fn remove(
    allowed: Allowed<WriteMappings>,
    key: ValidQuery<MappingKey>,
    control: web::Data<Control>,
) -> Result<HttpResponse, Problem> {
    let (asker, key) = (asker(&allowed.caller), key.0);
    control
        .database
        .write(move |tx| {
            Box::pin(async move {
                mappings::remove(tx, key.domain, &key.connection, &key.value).await?;
                let entry = Entry {
                    actor: asker.actor,
                    action: "mapping.removed".to_owned(),
                    subject: format!("{}:{}:{}", mappings::word(key.domain), key.connection, key.value),
                    detail: json!({}),
                    correlation_id: asker.correlation_id,
                };
                audit::append(tx, &[entry], asker.now_ms).await
            })
        })
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
