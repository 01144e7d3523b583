//! Lists billing runs.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Page};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::handlers::posting_line::list::read_cursor;
use crate::permissions::ReadBilling;
use crate::state::TimeToInvoice;
use crate::store::billing::{self, BillingRun, RunState};

/// Which billing runs.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListBillingRuns {
    /// Only of this project.
    project_id: Option<CanonicalId>,
    /// Only in this state.
    state: Option<RunState>,
    /// From the page before.
    #[validate(length(min = 1, max = 64))]
    #[param(min_length = 1, max_length = 64)]
    cursor: Option<String>,
    /// Runs a page, 1 to 1000; 100 unless given.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

/// List billing runs
///
/// Runs with what they charge for and the invoices that they made, the newest first. A cursor that was not given here is
/// refused with `malformed_cursor`.
#[utoipa::path(
    operation_id = "billing_run_list",
    tag = "billing",
    params(ListBillingRuns),
    responses((status = 200, description = "One page of billing runs", body = Page<BillingRun>), Problem),
    security(("bearer" = ["billing:read"]))
)]
#[get("/v1/billing-runs")]
pub(crate) async fn list(
    _allowed: Allowed<ReadBilling>,
    query: ValidQuery<ListBillingRuns>,
    state: web::Data<TimeToInvoice>,
) -> Handled<Page<BillingRun>> {
    let query = query.0;
    let before = query.cursor.as_deref().map(read_cursor).transpose()?;
    let limit = query.limit.unwrap_or(100);
    let items = state
        .db
        .read(move |tx| Box::pin(billing::list(tx, before, query.project_id, query.state, limit)))
        .await?;
    let full = u32::try_from(items.len()).is_ok_and(|count| count == limit);
    let next_cursor = items.last().filter(|_| full).map(|run| run.id.to_string());
    Ok(web::Json(Page { items, next_cursor }))
}
