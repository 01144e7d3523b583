//! Who is placed.

use actix_web::{get, web};
use canonical_model::AssignmentChanged;
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::Serialize;
use utoipa::ToSchema;

use crate::handlers::{ScopeQuery, page};
use crate::permissions::ReadInsight;
use crate::{Insight, staffing};

/// A page of them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlannedAssignments {
    /// The records.
    pub(crate) items: Vec<AssignmentChanged>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List assignments
///
/// Planned time of people as the PSA last told it, without what was withdrawn, by first day.
#[utoipa::path(
    operation_id = "assignments_list",
    tag = "projects",
    params(ScopeQuery),
    responses((status = 200, description = "A page of them", body = PlannedAssignments), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/assignments")]
pub(crate) async fn list(
    _allowed: Allowed<ReadInsight>,
    query: ValidQuery<ScopeQuery>,
    insight: web::Data<Insight>,
) -> Handled<PlannedAssignments> {
    let query = query.0;
    let mut records = insight.book.read(|pages| staffing::assignments(&pages.facts));
    records.retain(|record| {
        query.account_id.is_none_or(|id| record.scope.account_id == id)
            && query.project_id.is_none_or(|id| record.scope.project_id == id)
            && query
                .person
                .as_ref()
                .is_none_or(|p| record.person.as_ref().is_some_and(|q| q.eq_ignore_ascii_case(p)))
    });
    let (items, next_cursor) = page(records, &query)?;
    Ok(web::Json(PlannedAssignments { items, next_cursor }))
}
