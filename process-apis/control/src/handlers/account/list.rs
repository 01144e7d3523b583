//! Golden records, a page at a time.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Failure, GoldenAccount};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::permissions::ReadAccounts;
use crate::{Control, golden};

/// Which page.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PageQuery {
    /// From the page before.
    cursor: Option<String>,
    /// Records a page.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
}

/// A page of golden records.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GoldenAccountPage {
    /// The records.
    pub(crate) items: Vec<GoldenAccount>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List golden accounts
///
/// Companies as all systems together know them, in the order in which they were first seen.
#[utoipa::path(
    operation_id = "accounts_list",
    tag = "accounts",
    params(PageQuery),
    responses((status = 200, description = "A page of golden records", body = GoldenAccountPage), Problem),
    security(("bearer" = ["accounts:read"]))
)]
#[get("/v1/accounts")]
pub(crate) async fn list(
    _allowed: Allowed<ReadAccounts>,
    query: ValidQuery<PageQuery>,
    control: web::Data<Control>,
) -> Handled<GoldenAccountPage> {
    let PageQuery { cursor, limit } = query.0;
    let after: Option<CanonicalId> = cursor
        .map(|text| text.parse())
        .transpose()
        .map_err(|_| Failure::business("malformed_cursor", "the cursor is not one of this API's"))?;
    let limit = limit.unwrap_or(100);
    let items = control
        .database
        .read(move |tx| Box::pin(async move { golden::list(tx, after, limit).await }))
        .await?;
    let full = i64::try_from(items.len()).is_ok_and(|n| n == limit);
    let next_cursor = items
        .last()
        .filter(|_| full)
        .map(|last| last.canonical_id.to_string());
    Ok(web::Json(GoldenAccountPage { items, next_cursor }))
}
