//! How processes stand, over all process APIs.

use actix_web::{get, web};
use canonical_model::{Failure, InstanceState, InstanceView, Result};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use futures_util::future::join_all;
use process_client::InstanceQuery;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::handlers::filled;
use crate::permissions::ReadProcesses;
use crate::state::{Desk, correlated};

/// Which instances.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstanceFilter {
    /// Only of this process API, such as `quote-to-project`.
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    pub(crate) process_api: Option<String>,
    /// Only of this process, such as `time-posting`.
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    pub(crate) process: Option<String>,
    /// Only in this state.
    #[serde(default, deserialize_with = "filled")]
    #[param(value_type = Option<InstanceState>)]
    pub(crate) state: Option<InstanceState>,
    /// From the page before; needs `process_api`, whose cursor it is.
    #[validate(length(max = 400))]
    #[param(max_length = 400)]
    pub(crate) cursor: Option<String>,
    /// Instances a page of each process API.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
}

/// Instances of one process API.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiInstances {
    /// The process API.
    pub(crate) process_api: String,
    /// The instances, without their steps.
    pub(crate) items: Vec<InstanceView>,
    /// Give this with `process_api` to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// Why this API's instances are not here; the others' are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) failure: Option<Failure>,
}

/// List instances
///
/// A page of the instances of each process API, or of one of them. An API that does not answer says so in its own entry.
/// Refused with `bad_request` where a cursor comes without its process API.
#[utoipa::path(
    operation_id = "instances_list",
    tag = "processes",
    params(InstanceFilter),
    responses((status = 200, description = "One entry a process API", body = Vec<ApiInstances>), Problem),
    security(("bearer" = ["processes:read"]))
)]
#[get("/v1/instances")]
pub(crate) async fn list(
    _allowed: Allowed<ReadProcesses>,
    filter: ValidQuery<InstanceFilter>,
    desk: web::Data<Desk>,
) -> Handled<Vec<ApiInstances>> {
    Ok(web::Json(correlated(instances(&desk, &filter.0)).await?))
}

/// What the filter names, of all process APIs at once.
pub(crate) async fn instances(desk: &Desk, filter: &InstanceFilter) -> Result<Vec<ApiInstances>> {
    if let Some(name) = &filter.process_api {
        desk.process(name)?;
    } else if filter.cursor.is_some() {
        return Err(Failure::business(
            "bad_request",
            "A cursor belongs to one process API: name it in process_api.",
        ));
    }
    let query = InstanceQuery {
        process: filter.process.clone(),
        state: filter.state,
        cursor: filter.cursor.clone(),
        limit: filter.limit,
    };
    let wanted = desk
        .processes
        .iter()
        .filter(|(name, _)| filter.process_api.as_ref().is_none_or(|wanted| wanted == name));
    let query = &query;
    let asked = wanted.map(|(name, client)| async move { of_one(name, client.instances(query).await) });
    Ok(join_all(asked).await)
}

fn of_one(process_api: &str, answer: Result<canonical_model::Page<InstanceView>>) -> ApiInstances {
    let (items, next_cursor, failure) = match answer {
        Ok(page) => (page.items, page.next_cursor, None),
        Err(failure) => (Vec::new(), None, Some(failure)),
    };
    ApiInstances {
        process_api: process_api.to_owned(),
        items,
        next_cursor,
        failure,
    }
}
