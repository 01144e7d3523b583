//! One folder a noun, one file an operation.

pub(crate) mod invoice;
pub(crate) mod project;

use canonical_model::{CanonicalId, ProjectStanding, Result};
use process_client::{InvoiceQuery, every_page};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::state::{Portal, correlated};
use crate::view::{ClientInvoice, ClientProject, accounts_of, projects_of, shown_invoices};

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

fn of(account: Option<CanonicalId>, cursor: Option<String>) -> InvoiceQuery {
    InvoiceQuery {
        account_id: account,
        cursor,
        limit: Some(PAGE),
        ..InvoiceQuery::default()
    }
}

async fn standings(portal: &Portal, account: Option<CanonicalId>) -> Result<Vec<ProjectStanding>> {
    let fetch = async |cursor| portal.insight.projects(&of(account, cursor)).await;
    correlated(every_page(fetch)).await
}

/// The projects of an account.
pub(crate) async fn projects(portal: &Portal, account: CanonicalId) -> Result<Vec<ClientProject>> {
    Ok(projects_of(account, standings(portal, Some(account)).await?))
}

/// The invoices of an account.
pub(crate) async fn invoices(portal: &Portal, account: CanonicalId) -> Result<Vec<ClientInvoice>> {
    let fetch = async |cursor| portal.insight.invoices(&of(Some(account), cursor)).await;
    Ok(shown_invoices(correlated(every_page(fetch)).await?))
}

/// The accounts that have a project, by name; for those who may look at any.
pub(crate) async fn accounts(portal: &Portal) -> Result<Vec<(String, CanonicalId)>> {
    Ok(accounts_of(standings(portal, None).await?))
}
