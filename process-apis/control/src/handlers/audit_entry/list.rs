//! Decisions and effects.

use actix_web::{get, web};
use canonical_model::AuditEntry;
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::permissions::ReadAudit;
use crate::{Control, audit};

/// Which lines.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct AuditQuery {
    /// From the page before: lines with a smaller number.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    cursor: Option<i64>,
    /// For exports: lines with a greater number than this, oldest first, instead of newest first.
    #[validate(range(min = 0))]
    #[param(minimum = 0)]
    after: Option<i64>,
    /// Only lines about this subject, such as `account crm/main 001..`.
    #[validate(length(min = 1, max = 400))]
    #[param(min_length = 1, max_length = 400)]
    subject: Option<String>,
    /// Lines a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

/// Lines of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntries {
    /// The lines.
    pub(crate) items: Vec<AuditEntry>,
    /// Give this to get the next page of newest first; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List audit entries
///
/// The append-only log of decisions and effects. Each line carries a hash over itself and the line before it.
#[utoipa::path(
    operation_id = "audit_entries_list",
    tag = "audit",
    params(AuditQuery),
    responses((status = 200, description = "Lines of the log", body = AuditEntries), Problem),
    security(("bearer" = ["audit:read"]))
)]
#[get("/v1/audit-entries")]
pub(crate) async fn list(
    _allowed: Allowed<ReadAudit>,
    query: ValidQuery<AuditQuery>,
    control: web::Data<Control>,
) -> Handled<AuditEntries> {
    let AuditQuery {
        cursor,
        after,
        subject,
        limit,
    } = query.0;
    let limit = limit.unwrap_or(100);
    let newest_first = after.is_none();
    let items = control
        .database
        .read(move |tx| {
            Box::pin(async move {
                let subject = subject.as_deref().unwrap_or_default();
                match after {
                    None => audit::newest(tx, cursor.unwrap_or(i64::MAX), subject, limit).await,
                    Some(after) => audit::page(tx, after, subject, limit).await,
                }
            })
        })
        .await?;
    let full = newest_first && i64::try_from(items.len()).is_ok_and(|n| n == limit);
    let next_cursor = items.last().filter(|_| full).map(|last| last.seq.to_string());
    Ok(web::Json(AuditEntries { items, next_cursor }))
}
