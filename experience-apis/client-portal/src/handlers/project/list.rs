//! The client's projects.

use actix_web::{get, web};
use chassis::{Allowed, Handled, Problem, ValidQuery};

use crate::handlers::{AccountQuery, projects};
use crate::permissions::{ReadPortal, account_of};
use crate::state::Portal;
use crate::view::ClientProject;

/// List projects
///
/// The projects of the account that the token names, by code: budget, what is invoiced and what is in progress. An account
/// that is not the client's own is answered with `not_found`.
#[utoipa::path(
    operation_id = "projects_list",
    tag = "portal",
    params(AccountQuery),
    responses((status = 200, description = "The projects", body = Vec<ClientProject>), Problem),
    security(("bearer" = ["portal:read"]))
)]
#[get("/v1/projects")]
pub(crate) async fn list(
    allowed: Allowed<ReadPortal>,
    query: ValidQuery<AccountQuery>,
    portal: web::Data<Portal>,
) -> Handled<Vec<ClientProject>> {
    let account = account_of(&allowed.caller, query.0.account)?;
    Ok(web::Json(projects(&portal, account).await?))
}
