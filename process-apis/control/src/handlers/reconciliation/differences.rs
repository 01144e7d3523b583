//! What a comparison found.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Difference, DifferenceState, Page};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use super::read_cursor;
use crate::Control;
use crate::permissions::ReadReconciliations;
use crate::reconciliation::store;

/// Which differences.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DifferenceQuery {
    /// Only in this state.
    state: Option<DifferenceState>,
    /// From the page before.
    #[validate(length(min = 1, max = 64))]
    #[param(min_length = 1, max_length = 64)]
    cursor: Option<String>,
    /// Differences a page; 100 unless given.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
}

/// List differences
///
/// What a reconciliation found, with the record on each side, also what is resolved or accepted by now. A difference that
/// several reconciliations found is shown with the first and the last. It is decided as the exception of the same id.
#[utoipa::path(
    operation_id = "differences_list",
    tag = "reconciliation",
    params(("id" = CanonicalId, Path, description = "Id of the reconciliation"), DifferenceQuery),
    responses((status = 200, description = "A page of differences", body = Page<Difference>), Problem),
    security(("bearer" = ["reconciliations:read"]))
)]
#[get("/v1/reconciliations/{id}/differences")]
pub(crate) async fn differences(
    _allowed: Allowed<ReadReconciliations>,
    id: web::Path<CanonicalId>,
    query: ValidQuery<DifferenceQuery>,
    control: web::Data<Control>,
) -> Handled<Page<Difference>> {
    let (id, query) = (id.into_inner(), query.0);
    let after = read_cursor(query.cursor.as_deref())?.map_or_else(String::new, |id| id.to_string());
    let limit = query.limit.unwrap_or(100);
    let items = control
        .database
        .read(move |tx| {
            Box::pin(async move {
                store::read(tx, id).await?;
                store::of_run(tx, id, query.state, &after, limit).await
            })
        })
        .await?;
    let full = i64::try_from(items.len()).is_ok_and(|count| count == limit);
    let next_cursor = items.last().filter(|_| full).map(|found| found.id.to_string());
    Ok(web::Json(Page { items, next_cursor }))
}
