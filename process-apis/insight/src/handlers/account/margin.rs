//! What an account's projects earned.

use actix_web::{get, web};
use canonical_model::{AccountMargin, CanonicalId};
use chassis::{Allowed, Handled, Problem};
use chrono::Utc;

use crate::permissions::ReadCosts;
use crate::{Insight, standing};

/// Read an account's margin
///
/// What an account's projects earned up to today, one entry a currency; none for an account without projects.
#[utoipa::path(
    operation_id = "account_margin",
    tag = "projects",
    params(("id" = CanonicalId, Path, description = "Canonical id of the account")),
    responses((status = 200, description = "Revenue, cost and margin", body = Vec<AccountMargin>), Problem),
    security(("bearer" = ["costs:read"]))
)]
#[get("/v1/accounts/{id}/margin")]
pub(crate) async fn margin(
    _allowed: Allowed<ReadCosts>,
    id: web::Path<CanonicalId>,
    insight: web::Data<Insight>,
) -> Handled<Vec<AccountMargin>> {
    let (id, today) = (id.into_inner(), Utc::now().date_naive());
    let margins = insight
        .book
        .read(|pages| standing::account_margins(&pages.facts, &pages.costs, id, today))?;
    Ok(web::Json(margins))
}
