//! Which comparisons there were.

use actix_web::{get, web};
use canonical_model::{Page, Reconciliation, ReconciliationState};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use process_client::ReconciliationQuery;
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::handlers::filled;
use crate::permissions::ReadReconciliations;
use crate::state::{Desk, correlated};

/// Which reconciliations.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReconciliationFilter {
    /// Only in this state.
    #[serde(default, deserialize_with = "filled")]
    #[param(value_type = Option<ReconciliationState>)]
    pub(crate) state: Option<ReconciliationState>,
    /// From the page before.
    #[validate(length(max = 64))]
    #[param(max_length = 64)]
    pub(crate) cursor: Option<String>,
    /// Reconciliations a page.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
}

impl From<ReconciliationFilter> for ReconciliationQuery {
    fn from(filter: ReconciliationFilter) -> Self {
        Self {
            state: filter.state,
            cursor: filter.cursor,
            limit: filter.limit,
        }
    }
}

/// List reconciliations
///
/// The newest first, without their figures.
#[utoipa::path(
    operation_id = "reconciliations_list",
    tag = "reconciliation",
    params(ReconciliationFilter),
    responses((status = 200, description = "A page of reconciliations", body = Page<Reconciliation>), Problem),
    security(("bearer" = ["reconciliations:read"]))
)]
#[get("/v1/reconciliations")]
pub(crate) async fn list(
    _allowed: Allowed<ReadReconciliations>,
    filter: ValidQuery<ReconciliationFilter>,
    desk: web::Data<Desk>,
) -> Handled<Page<Reconciliation>> {
    let found = correlated(desk.control.reconciliations(&filter.0.into())).await?;
    Ok(web::Json(found))
}
