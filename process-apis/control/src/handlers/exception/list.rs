//! What waits for a person.

use actix_web::{get, web};
use canonical_model::{ExceptionRecord, ExceptionState, Failure};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::Control;
use crate::desk::{self, Filter};
use crate::permissions::ReadExceptions;

/// Which exceptions.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ExceptionQuery {
    /// Only in this state.
    state: Option<ExceptionState>,
    /// Only of causes with this code.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    code: Option<String>,
    /// Only of causes with this subject; empty for causes without one.
    #[validate(length(max = 400))]
    #[param(max_length = 400)]
    subject: Option<String>,
    /// Only those that this role resolves.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    owner_role: Option<String>,
    /// Only of this legal entity (canonical code).
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    legal_entity: Option<String>,
    /// Only of this region.
    #[validate(length(max = 100))]
    #[param(max_length = 100)]
    region: Option<String>,
    /// From the page before.
    #[validate(length(max = 20))]
    #[param(max_length = 20)]
    cursor: Option<String>,
    /// Exceptions a page.
    #[validate(range(min = 1, max = 500))]
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
}

/// A page of exceptions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeskExceptions {
    /// The exceptions, the most urgent first.
    pub(crate) items: Vec<ExceptionRecord>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List exceptions
///
/// What waits for a person over all processes, the most urgent first; what is closed comes last.
#[utoipa::path(
    operation_id = "exceptions_list",
    tag = "exceptions",
    params(ExceptionQuery),
    responses((status = 200, description = "A page of exceptions", body = DeskExceptions), Problem),
    security(("bearer" = ["exceptions:read"]))
)]
#[get("/v1/exceptions")]
pub(crate) async fn list(
    _allowed: Allowed<ReadExceptions>,
    query: ValidQuery<ExceptionQuery>,
    control: web::Data<Control>,
) -> Handled<DeskExceptions> {
    let query = query.0;
    let offset: i64 = query
        .cursor
        .as_deref()
        .unwrap_or("0")
        .parse()
        .ok()
        .filter(|offset| *offset >= 0)
        .ok_or_else(|| Failure::business("malformed_cursor", "the cursor is not one of this API's"))?;
    let limit = query.limit.unwrap_or(100);
    let filter = Filter {
        state: query.state.map(desk::word).unwrap_or_default().to_owned(),
        code: query.code.unwrap_or_default(),
        subject: query.subject,
        owner_role: query.owner_role.unwrap_or_default(),
        legal_entity: query.legal_entity.unwrap_or_default(),
        region: query.region.unwrap_or_default(),
    };
    let items = control
        .database
        .read(move |tx| Box::pin(async move { desk::list(tx, &filter, offset, limit).await }))
        .await?;
    let full = i64::try_from(items.len()).is_ok_and(|n| n == limit);
    let next_cursor = full.then(|| offset.saturating_add(limit).to_string());
    Ok(web::Json(DeskExceptions { items, next_cursor }))
}
