//! One of the client's projects.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Failure};
use chassis::{Allowed, Handled, Problem, ValidQuery};

use crate::handlers::{AccountQuery, projects};
use crate::permissions::{ReadPortal, account_of};
use crate::state::Portal;
use crate::view::ClientProject;

/// Read a project
///
/// One project of the account that the token names. Another account's project is answered with `not_found`, as one that does
/// not exist.
#[utoipa::path(
    operation_id = "project_read",
    tag = "portal",
    params(("id" = CanonicalId, Path, description = "Canonical id of the project"), AccountQuery),
    responses((status = 200, description = "The project", body = ClientProject), Problem),
    security(("bearer" = ["portal:read"]))
)]
#[get("/v1/projects/{id}")]
pub(crate) async fn read(
    allowed: Allowed<ReadPortal>,
    id: web::Path<CanonicalId>,
    query: ValidQuery<AccountQuery>,
    portal: web::Data<Portal>,
) -> Handled<ClientProject> {
    let account = account_of(&allowed.caller, query.0.account)?;
    let id = id.into_inner();
    let found = projects(&portal, account)
        .await?
        .into_iter()
        .find(|project| project.id == id);
    let project =
        found.ok_or_else(|| Failure::business("not_found", format!("There is no project {id} of yours.")))?;
    Ok(web::Json(project))
}
