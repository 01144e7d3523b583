//! One folder a noun, one file an operation.

pub(crate) mod invoice;
pub(crate) mod project;

use canonical_model::{CanonicalId, Result};
use process_client::InvoiceQuery;
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::state::{Portal, correlated};
use crate::view::{ClientInvoice, ClientProject, shown_to_client};

/// Whose records.
#[derive(Debug, Clone, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountQuery {
    /// The account, for callers who are not clients; a client's own is in the token.
    pub(crate) account: Option<CanonicalId>,
}

/// Records asked for at once.
const PAGE: u32 = 1000;

fn of(account: CanonicalId) -> InvoiceQuery {
    InvoiceQuery {
        account_id: Some(account),
        limit: Some(PAGE),
        ..InvoiceQuery::default()
    }
}

/// The projects of an account.
pub(crate) async fn projects(portal: &Portal, account: CanonicalId) -> Result<Vec<ClientProject>> {
    let page = correlated(portal.insight.projects(&of(account))).await?;
    // Asked for by account, and checked again here: what is another's never leaves.
    Ok(page
        .items
        .into_iter()
        .filter(|p| p.scope.account_id == account)
        .map(ClientProject::from)
        .collect())
}

/// The invoices of an account.
pub(crate) async fn invoices(portal: &Portal, account: CanonicalId) -> Result<Vec<ClientInvoice>> {
    let page = correlated(portal.insight.invoices(&of(account))).await?;
    Ok(page
        .items
        .into_iter()
        .filter(shown_to_client)
        .map(ClientInvoice::from)
        .collect())
}
