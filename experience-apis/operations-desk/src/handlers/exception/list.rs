//! What waits for a person.

use actix_web::{get, web};
use canonical_model::{ExceptionRecord, ExceptionState};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use process_client::ExceptionQuery;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::handlers::filled;
use crate::permissions::ReadExceptions;
use crate::state::{Desk, correlated};

/// Which exceptions.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionFilter {
    /// Only in this state.
    #[serde(default, deserialize_with = "filled")]
    #[param(value_type = Option<ExceptionState>)]
    pub(crate) state: Option<ExceptionState>,
    /// Only of causes with this code.
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    pub(crate) code: Option<String>,
    /// Only of causes with this subject; empty for causes without one.
    #[validate(length(max = 400))]
    #[param(max_length = 400)]
    pub(crate) subject: Option<String>,
    /// Only those that this role resolves.
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    pub(crate) owner_role: Option<String>,
    /// Only of this legal entity (canonical code).
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    pub(crate) legal_entity: Option<String>,
    /// Only of this region.
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    pub(crate) region: Option<String>,
    /// From the page before.
    #[validate(length(max = 20))]
    #[param(max_length = 20)]
    pub(crate) cursor: Option<String>,
    /// Exceptions a page.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    pub(crate) limit: Option<u32>,
}

impl From<ExceptionFilter> for ExceptionQuery {
    fn from(filter: ExceptionFilter) -> Self {
        Self {
            state: filter.state,
            code: filter.code,
            subject: filter.subject,
            owner_role: filter.owner_role,
            legal_entity: filter.legal_entity,
            region: filter.region,
            cursor: filter.cursor,
            limit: filter.limit,
        }
    }
}

/// A page of exceptions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Exceptions {
    /// The exceptions, the most urgent first; what is closed comes last.
    pub(crate) items: Vec<ExceptionRecord>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List exceptions
///
/// What waits for a person over all processes, the most urgent first; what is closed comes last. Refused with
/// `malformed_cursor`.
#[utoipa::path(
    operation_id = "exceptions_list",
    tag = "exceptions",
    params(ExceptionFilter),
    responses((status = 200, description = "A page of exceptions", body = Exceptions), Problem),
    security(("bearer" = ["exceptions:read"]))
)]
#[get("/v1/exceptions")]
pub(crate) async fn list(
    _allowed: Allowed<ReadExceptions>,
    filter: ValidQuery<ExceptionFilter>,
    desk: web::Data<Desk>,
) -> Handled<Exceptions> {
    let page = correlated(desk.control.desk().exceptions(&filter.0.into())).await?;
    Ok(web::Json(Exceptions {
        items: page.items,
        next_cursor: page.next_cursor,
    }))
}
