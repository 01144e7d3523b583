//! What waits for a person.

use actix_web::{get, web};
use canonical_model::{ExceptionRecord, ExceptionState};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use process_engine::ExceptionFilter;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::permissions::ReadProcesses;
use crate::served::Served;

/// Which exceptions.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionQuery {
    /// Only in this state.
    state: Option<ExceptionState>,
    /// Only of causes with this code.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    code: Option<String>,
    /// Only of causes with this subject.
    #[validate(length(max = 400))]
    #[param(max_length = 400)]
    subject: Option<String>,
    /// From the page before.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    cursor: Option<String>,
    /// Exceptions a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// A page of exceptions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExceptionPage {
    /// The exceptions.
    pub(crate) items: Vec<ExceptionRecord>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List exceptions
///
/// What waits for a person in this API's processes, oldest first. Control shows those of all processes.
#[utoipa::path(
    operation_id = "exceptions_list",
    tag = "exceptions",
    params(ExceptionQuery),
    responses((status = 200, description = "A page of exceptions", body = ExceptionPage), Problem),
    security(("bearer" = ["processes:read"]))
)]
#[get("/v1/exceptions")]
pub(crate) async fn list(
    _allowed: Allowed<ReadProcesses>,
    query: ValidQuery<ExceptionQuery>,
    served: web::Data<Served>,
) -> Handled<ExceptionPage> {
    let ExceptionQuery {
        state,
        code,
        subject,
        cursor,
        limit,
    } = query.0;
    let filter = ExceptionFilter {
        state,
        code,
        subject,
        instance_id: None,
        cursor,
        limit,
    };
    let page = served.desk.exceptions(filter).await?;
    Ok(web::Json(ExceptionPage {
        items: page.items,
        next_cursor: page.next_cursor,
    }))
}
