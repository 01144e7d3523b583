//! One folder a noun, one file an operation.

pub(crate) mod account;
pub(crate) mod assignment;
pub(crate) mod fact;
pub(crate) mod invoice;
pub(crate) mod kpi;
pub(crate) mod project;
pub(crate) mod resource_request;

use canonical_model::{CanonicalId, Failure};
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

/// Which projects or invoices.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeQuery {
    /// Only of this account.
    pub(crate) account_id: Option<CanonicalId>,
    /// Only of this project.
    pub(crate) project_id: Option<CanonicalId>,
    /// From the page before.
    #[validate(length(max = 20))]
    #[param(max_length = 20)]
    pub(crate) cursor: Option<String>,
    /// Records a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<usize>,
}

/// Records a page where the caller does not say.
const PAGE: usize = 100;

/// One page of records that are all at hand, and the cursor of the next.
pub(crate) fn page<T>(
    all: Vec<T>,
    cursor: Option<&str>,
    limit: Option<usize>,
) -> Result<(Vec<T>, Option<String>), Failure> {
    let offset: usize = cursor
        .unwrap_or("0")
        .parse()
        .map_err(|_| Failure::business("malformed_cursor", "the cursor is not one of this API's"))?;
    let limit = limit.unwrap_or(PAGE);
    let end = offset.saturating_add(limit);
    let next_cursor = (end < all.len()).then(|| end.to_string());
    Ok((all.into_iter().skip(offset).take(limit).collect(), next_cursor))
}
