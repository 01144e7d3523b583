//! The client's invoices.

use actix_web::{get, web};
use chassis::{Allowed, Handled, Problem, ValidQuery};

use crate::handlers::{AccountQuery, invoices};
use crate::permissions::{ReadPortal, account_of};
use crate::state::Portal;
use crate::view::ClientInvoice;

/// List invoices
///
/// The invoices of the account that the token names, the newest first. Drafts are not shown. An account that is not the
/// client's own is answered with `not_found`.
#[utoipa::path(
    operation_id = "invoices_list",
    tag = "portal",
    params(AccountQuery),
    responses((status = 200, description = "The invoices", body = Vec<ClientInvoice>), Problem),
    security(("bearer" = ["portal:read"]))
)]
#[get("/v1/invoices")]
pub(crate) async fn list(
    allowed: Allowed<ReadPortal>,
    query: ValidQuery<AccountQuery>,
    portal: web::Data<Portal>,
) -> Handled<Vec<ClientInvoice>> {
    let account = account_of(&allowed.caller, query.0.account)?;
    Ok(web::Json(invoices(&portal, account).await?))
}
