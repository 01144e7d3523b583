//! One folder a noun, one file an operation.

pub(crate) mod assignment;
pub(crate) mod request;

use canonical_model::{ResourceRequestState, Result};
use process_client::{AssignmentQuery, RequestQuery, every_page};

use crate::state::{Staffing, correlated};
use crate::view::{PlannedTime, StaffingRequest, planned_of};

/// Records asked for at once.
const PAGE: u32 = 1000;

/// Wishes for people, the open ones first; only those that stand so where it is said.
pub(crate) async fn requests(
    staffing: &Staffing,
    state: Option<ResourceRequestState>,
) -> Result<Vec<StaffingRequest>> {
    let fetch = async |cursor| {
        let query = RequestQuery {
            state,
            cursor,
            limit: Some(PAGE),
            ..RequestQuery::default()
        };
        staffing.insight.resource_requests(&query).await
    };
    let standings = correlated(every_page(fetch)).await?;
    Ok(standings.into_iter().map(StaffingRequest::from).collect())
}

/// Planned time, of one person where one is given.
pub(crate) async fn assignments(staffing: &Staffing, person: Option<&str>) -> Result<Vec<PlannedTime>> {
    let fetch = async |cursor| {
        let query = AssignmentQuery {
            person: person.map(str::to_owned),
            cursor,
            limit: Some(PAGE),
            ..AssignmentQuery::default()
        };
        staffing.insight.assignments(&query).await
    };
    Ok(planned_of(person, correlated(every_page(fetch)).await?))
}
