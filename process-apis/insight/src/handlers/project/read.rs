//! How one project stands.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Failure, ProjectStanding};
use chassis::{Allowed, Handled, Problem};
use chrono::Utc;

use crate::permissions::{ReadCosts, ReadInsight};
use crate::{Insight, standing};

/// Read a project
///
/// How one project stands today. Cost and margin are absent for callers without the scope `costs:read`.
#[utoipa::path(
    operation_id = "project_read",
    tag = "projects",
    params(("id" = CanonicalId, Path, description = "Canonical id of the project")),
    responses((status = 200, description = "The project", body = ProjectStanding), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/projects/{id}")]
pub(crate) async fn read(
    allowed: Allowed<ReadInsight>,
    id: web::Path<CanonicalId>,
    insight: web::Data<Insight>,
) -> Handled<ProjectStanding> {
    let (id, today) = (id.into_inner(), Utc::now().date_naive());
    let with_cost = ReadCosts::given_to(&allowed.caller);
    let standing = insight
        .book
        .read(|pages| standing::project(&pages.facts, &pages.costs, id, today, with_cost))?
        .ok_or_else(|| Failure::business("not_found", format!("there is no project {id}")))?;
    Ok(web::Json(standing))
}
