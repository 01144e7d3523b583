//! What a comparison found.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Difference, DifferenceState, Page};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use process_client::DifferenceQuery;
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::handlers::filled;
use crate::permissions::ReadReconciliations;
use crate::state::{Desk, correlated};

/// Which differences.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DifferenceFilter {
    /// Only in this state.
    #[serde(default, deserialize_with = "filled")]
    #[param(value_type = Option<DifferenceState>)]
    pub(crate) state: Option<DifferenceState>,
    /// From the page before.
    #[validate(length(max = 64))]
    #[param(max_length = 64)]
    pub(crate) cursor: Option<String>,
    /// Differences a page.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
}

impl From<DifferenceFilter> for DifferenceQuery {
    fn from(filter: DifferenceFilter) -> Self {
        Self {
            state: filter.state,
            cursor: filter.cursor,
            limit: filter.limit,
        }
    }
}

/// List differences
///
/// What a reconciliation found, with the record on each side, also what is resolved or accepted by now. Each is decided as
/// the exception of the same id.
#[utoipa::path(
    operation_id = "differences_list",
    tag = "reconciliation",
    params(("id" = CanonicalId, Path, description = "Id of the reconciliation"), DifferenceFilter),
    responses((status = 200, description = "A page of differences", body = Page<Difference>), Problem),
    security(("bearer" = ["reconciliations:read"]))
)]
#[get("/v1/reconciliations/{id}/differences")]
pub(crate) async fn differences(
    _allowed: Allowed<ReadReconciliations>,
    id: web::Path<CanonicalId>,
    filter: ValidQuery<DifferenceFilter>,
    desk: web::Data<Desk>,
) -> Handled<Page<Difference>> {
    let found = correlated(desk.control.differences(id.into_inner(), &filter.0.into())).await?;
    Ok(web::Json(found))
}
