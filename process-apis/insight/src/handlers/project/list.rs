//! How projects stand.

use actix_web::{get, web};
use canonical_model::ProjectStanding;
use chassis::{Allowed, Handled, Problem, ValidQuery};
use chrono::Utc;
use serde::Serialize;
use utoipa::ToSchema;

use crate::handlers::{ScopeQuery, page};
use crate::permissions::{ReadCosts, ReadInsight};
use crate::{Insight, standing};

/// A page of projects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProjectStandings {
    /// The projects, by code.
    pub(crate) items: Vec<ProjectStanding>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List projects
///
/// How activated projects stand today: budget, posted time, charges, burn. Cost and margin are absent for callers without the
/// scope `costs:read`.
#[utoipa::path(
    operation_id = "projects_list",
    tag = "projects",
    params(ScopeQuery),
    responses((status = 200, description = "A page of projects", body = ProjectStandings), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/projects")]
pub(crate) async fn list(
    allowed: Allowed<ReadInsight>,
    query: ValidQuery<ScopeQuery>,
    insight: web::Data<Insight>,
) -> Handled<ProjectStandings> {
    let (query, today) = (query.0, Utc::now().date_naive());
    let with_cost = ReadCosts::given_to(&allowed.caller);
    let mut standings = insight
        .book
        .read(|pages| standing::projects(&pages.facts, &pages.costs, today, with_cost))?;
    standings.retain(|s| {
        query.account_id.is_none_or(|id| s.scope.account_id == id)
            && query.project_id.is_none_or(|id| s.scope.project_id == id)
    });
    let (items, next_cursor) = page(standings, query.cursor.as_deref(), query.limit)?;
    Ok(web::Json(ProjectStandings { items, next_cursor }))
}
