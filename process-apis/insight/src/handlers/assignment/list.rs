//! Who is placed.

use actix_web::{get, web};
use canonical_model::{AssignmentChanged, CanonicalId};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::handlers::page;
use crate::permissions::ReadInsight;
use crate::{Insight, staffing};

/// Which planned time.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AssignmentQuery {
    /// Only of this person (e-mail address).
    #[validate(length(min = 1, max = 200))]
    #[param(min_length = 1, max_length = 200)]
    pub(crate) person: Option<String>,
    /// Only of this account.
    pub(crate) account_id: Option<CanonicalId>,
    /// Only of this project.
    pub(crate) project_id: Option<CanonicalId>,
    /// Only what lasts at least until this day.
    #[param(example = "2026-11-01")]
    pub(crate) from: Option<NaiveDate>,
    /// Only what begins by this day.
    #[param(example = "2026-11-30")]
    pub(crate) to: Option<NaiveDate>,
    /// From the page before.
    #[validate(length(max = 20))]
    #[param(max_length = 20)]
    pub(crate) cursor: Option<String>,
    /// Records a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<usize>,
}

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
    params(AssignmentQuery),
    responses((status = 200, description = "A page of them", body = PlannedAssignments), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/assignments")]
pub(crate) async fn list(
    _allowed: Allowed<ReadInsight>,
    query: ValidQuery<AssignmentQuery>,
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
            && staffing::touches(record, query.from, query.to)
    });
    let (items, next_cursor) = page(records, query.cursor.as_deref(), query.limit)?;
    Ok(web::Json(PlannedAssignments { items, next_cursor }))
}
