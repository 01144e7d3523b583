//! Who is wanted.

use actix_web::{get, web};
use canonical_model::ResourceRequestStanding;
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::Serialize;
use utoipa::ToSchema;

use crate::handlers::{ScopeQuery, page};
use crate::permissions::ReadInsight;
use crate::{Insight, staffing};

/// A page of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceRequestStandings {
    /// The records.
    pub(crate) items: Vec<ResourceRequestStanding>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List resource requests
///
/// Wishes for people, the open ones first, by first day; each with when a person was agreed for it.
#[utoipa::path(
    operation_id = "resource_requests_list",
    tag = "projects",
    params(ScopeQuery),
    responses((status = 200, description = "A page of them", body = ResourceRequestStandings), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/resource-requests")]
pub(crate) async fn list(
    _allowed: Allowed<ReadInsight>,
    query: ValidQuery<ScopeQuery>,
    insight: web::Data<Insight>,
) -> Handled<ResourceRequestStandings> {
    let query = query.0;
    let mut records = insight.book.read(|pages| staffing::requests(&pages.facts));
    records.retain(|record| {
        query.account_id.is_none_or(|id| record.scope.account_id == id)
            && query.project_id.is_none_or(|id| record.scope.project_id == id)
    });
    let (items, next_cursor) = page(records, &query)?;
    Ok(web::Json(ResourceRequestStandings { items, next_cursor }))
}
