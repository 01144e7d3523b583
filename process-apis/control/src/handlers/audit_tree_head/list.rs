//! Tree heads that were made.

use actix_web::{get, web};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::TreeHead;
use crate::permissions::ReadAudit;
use crate::{Control, audit};

/// Which tree heads.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct TreeHeadQuery {
    /// From the page before: heads over fewer entries.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    cursor: Option<i64>,
    /// Heads a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

/// A tree head and when it was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeTreeHead {
    #[serde(flatten)]
    head: TreeHead,
    /// When it was made.
    made_at: DateTime<Utc>,
}

/// Tree heads, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreeHeads {
    /// The heads.
    items: Vec<MadeTreeHead>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// List tree heads
///
/// The tree heads of the audit log, the newest first. Whoever keeps one can see later that nothing it covers was changed:
/// `docs/audit.md` says how.
#[utoipa::path(
    operation_id = "audit_tree_heads_list",
    tag = "audit",
    params(TreeHeadQuery),
    responses((status = 200, description = "The heads", body = TreeHeads), Problem),
    security(("bearer" = ["audit:read"]))
)]
#[get("/v1/audit-tree-heads")]
pub(crate) async fn list(
    _allowed: Allowed<ReadAudit>,
    query: ValidQuery<TreeHeadQuery>,
    control: web::Data<Control>,
) -> Handled<TreeHeads> {
    let TreeHeadQuery { cursor, limit } = query.0;
    let limit = limit.unwrap_or(100);
    let made = control
        .database
        .read(move |tx| Box::pin(async move { audit::heads(tx, cursor.unwrap_or(i64::MAX), limit).await }))
        .await?;
    let full = i64::try_from(made.len()).is_ok_and(|count| count == limit);
    let next_cursor = made
        .last()
        .filter(|_| full)
        .map(|last| last.head.tree_size.to_string());
    let items = made.into_iter().map(|made| MadeTreeHead {
        head: made.head.into(),
        made_at: made.made_at,
    });
    Ok(web::Json(TreeHeads {
        items: items.collect(),
        next_cursor,
    }))
}
