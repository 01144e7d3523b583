//! Which comparisons there were.

use actix_web::{get, web};
use canonical_model::{Page, Reconciliation, ReconciliationState};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use super::read_cursor;
use crate::Control;
use crate::permissions::ReadReconciliations;
use crate::reconciliation::store;

/// Which reconciliations.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReconciliationQuery {
    /// Only in this state.
    state: Option<ReconciliationState>,
    /// From the page before.
    #[validate(length(min = 1, max = 64))]
    #[param(min_length = 1, max_length = 64)]
    cursor: Option<String>,
    /// Reconciliations a page; 50 unless given.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
}

/// List reconciliations
///
/// The newest first, without their figures.
#[utoipa::path(
    operation_id = "reconciliations_list",
    tag = "reconciliation",
    params(ReconciliationQuery),
    responses((status = 200, description = "A page of reconciliations", body = Page<Reconciliation>), Problem),
    security(("bearer" = ["reconciliations:read"]))
)]
#[get("/v1/reconciliations")]
pub(crate) async fn list(
    _allowed: Allowed<ReadReconciliations>,
    query: ValidQuery<ReconciliationQuery>,
    control: web::Data<Control>,
) -> Handled<Page<Reconciliation>> {
    let query = query.0;
    let before = read_cursor(query.cursor.as_deref())?;
    let limit = query.limit.unwrap_or(50);
    let items = control
        .database
        .read(move |tx| Box::pin(store::list(tx, before, query.state, limit)))
        .await?;
    let full = i64::try_from(items.len()).is_ok_and(|count| count == limit);
    let next_cursor = items.last().filter(|_| full).map(|run| run.id.to_string());
    Ok(web::Json(Page { items, next_cursor }))
}
