//! Who is wanted.

use actix_web::{get, web};
use canonical_model::{CanonicalId, ResourceRequestStanding, ResourceRequestState};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::handlers::page;
use crate::permissions::ReadInsight;
use crate::{Insight, staffing};

/// Which requests.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestQuery {
    /// Only those that stand so. No fact tells of a request that was taken back, so none is cancelled here.
    #[param(inline)]
    pub(crate) state: Option<ResourceRequestState>,
    /// Only of this account.
    pub(crate) account_id: Option<CanonicalId>,
    /// Only of this project.
    pub(crate) project_id: Option<CanonicalId>,
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
    params(RequestQuery),
    responses((status = 200, description = "A page of them", body = ResourceRequestStandings), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/resource-requests")]
pub(crate) async fn list(
    _allowed: Allowed<ReadInsight>,
    query: ValidQuery<RequestQuery>,
    insight: web::Data<Insight>,
) -> Handled<ResourceRequestStandings> {
    let query = query.0;
    let mut records = insight.book.read(|pages| staffing::requests(&pages.facts));
    records.retain(|record| {
        query
            .state
            .is_none_or(|state| staffing::state_of(record) == state)
            && query.account_id.is_none_or(|id| record.scope.account_id == id)
            && query.project_id.is_none_or(|id| record.scope.project_id == id)
    });
    let (items, next_cursor) = page(records, query.cursor.as_deref(), query.limit)?;
    Ok(web::Json(ResourceRequestStandings { items, next_cursor }))
}
