//! How invoices stand.

use actix_web::{get, web};
use canonical_model::InvoiceStanding;
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::Serialize;
use utoipa::ToSchema;

use crate::handlers::{ScopeQuery, page};
use crate::permissions::ReadInsight;
use crate::{Insight, standing};

/// A page of invoices.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvoiceStandings {
    /// The invoices, the newest first.
    pub(crate) items: Vec<InvoiceStanding>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List invoices
///
/// How invoices stand, as the ERP last told.
#[utoipa::path(
    operation_id = "invoices_list",
    tag = "projects",
    params(ScopeQuery),
    responses((status = 200, description = "A page of invoices", body = InvoiceStandings), Problem),
    security(("bearer" = ["insight:read"]))
)]
#[get("/v1/invoices")]
pub(crate) async fn list(
    _allowed: Allowed<ReadInsight>,
    query: ValidQuery<ScopeQuery>,
    insight: web::Data<Insight>,
) -> Handled<InvoiceStandings> {
    let query = query.0;
    let standings = insight.book.read(|pages| standing::invoices(&pages.facts));
    let wanted = standings
        .into_iter()
        .filter(|(account, project, _)| {
            query.account_id.is_none_or(|id| *account == id)
                && query.project_id.is_none_or(|id| *project == Some(id))
        })
        .map(|(_, _, standing)| standing)
        .collect();
    let (items, next_cursor) = page(wanted, query.cursor.as_deref(), query.limit)?;
    Ok(web::Json(InvoiceStandings { items, next_cursor }))
}
