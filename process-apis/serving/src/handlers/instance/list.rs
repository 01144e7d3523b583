//! Running and ended processes.

use actix_web::{get, web};
use canonical_model::{InstanceState, InstanceView};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use process_engine::InstanceFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::permissions::ReadProcesses;
use crate::served::Served;
use crate::view;

/// Which instances.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstanceQuery {
    /// Only of this process.
    #[validate(length(min = 1, max = 100))]
    #[param(min_length = 1, max_length = 100)]
    process: Option<String>,
    /// Only in this state.
    state: Option<InstanceState>,
    /// From the page before.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Instances a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of instances.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstancePage {
    /// The instances, without their steps.
    pub(crate) items: Vec<InstanceView>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List instances
///
/// Instances of this API's processes, oldest first, without their steps.
#[utoipa::path(
    operation_id = "instances_list",
    tag = "instances",
    params(InstanceQuery),
    responses((status = 200, description = "A page of instances", body = InstancePage), Problem),
    security(("bearer" = ["processes:read"]))
)]
#[get("/v1/instances")]
pub(crate) async fn list(
    _allowed: Allowed<ReadProcesses>,
    query: ValidQuery<InstanceQuery>,
    served: web::Data<Served>,
) -> Handled<InstancePage> {
    let InstanceQuery {
        process,
        state,
        cursor,
        limit,
    } = query.0;
    let filter = InstanceFilter {
        process,
        cursor,
        limit,
        ..state.map(view::filter).unwrap_or_default()
    };
    let page = served.desk.instances(filter).await?;
    Ok(web::Json(InstancePage {
        items: page.items.into_iter().map(view::summary).collect(),
        next_cursor: page.next_cursor,
    }))
}
