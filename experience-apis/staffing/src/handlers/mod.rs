//! One folder a noun, one file an operation.

pub(crate) mod assignment;
pub(crate) mod request;

use canonical_model::Result;
use process_client::InvoiceQuery;

use crate::state::{Staffing, correlated};
use crate::view::{PlannedTime, StaffingRequest};

/// Records asked for at once.
const PAGE: u32 = 1000;

fn all() -> InvoiceQuery {
    InvoiceQuery {
        limit: Some(PAGE),
        ..InvoiceQuery::default()
    }
}

/// Wishes for people, the open ones first.
pub(crate) async fn requests(staffing: &Staffing) -> Result<Vec<StaffingRequest>> {
    let page = correlated(staffing.insight.resource_requests(&all())).await?;
    Ok(page.items.into_iter().map(StaffingRequest::from).collect())
}

/// Planned time, of one person where one is given.
pub(crate) async fn assignments(staffing: &Staffing, person: Option<&str>) -> Result<Vec<PlannedTime>> {
    let page = correlated(staffing.insight.assignments(person, &all())).await?;
    Ok(page.items.into_iter().map(PlannedTime::from).collect())
}
