//! One golden record.

use actix_web::{get, web};
use canonical_model::{CanonicalId, Failure, GoldenAccount};
use chassis::{Allowed, Handled, Problem};

use crate::permissions::ReadAccounts;
use crate::{Control, golden};

/// Read a golden account
///
/// A company as all systems together know it, with its id in each of them.
#[utoipa::path(
    operation_id = "account_read",
    tag = "accounts",
    params(("canonical_id" = CanonicalId, Path, description = "Canonical id of the account")),
    responses((status = 200, description = "The golden record", body = GoldenAccount), Problem),
    security(("bearer" = ["accounts:read"]))
)]
#[get("/v1/accounts/{canonical_id}")]
pub(crate) async fn read(
    _allowed: Allowed<ReadAccounts>,
    id: web::Path<CanonicalId>,
    control: web::Data<Control>,
) -> Handled<GoldenAccount> {
    let id = id.into_inner();
    let account = control
        .database
        .read(move |tx| Box::pin(async move { golden::read(tx, id).await }))
        .await?
        .ok_or_else(|| Failure::business("not_found", format!("there is no golden account {id}")))?;
    Ok(web::Json(account))
}
