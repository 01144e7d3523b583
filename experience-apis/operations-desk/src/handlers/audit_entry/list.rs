//! Decisions and effects.

use actix_web::{get, web};
use canonical_model::AuditEntry;
use chassis::{Allowed, Handled, Problem, ValidQuery};
use process_client::AuditQuery;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use crate::handlers::filled;
use crate::permissions::ReadAudit;
use crate::state::{Desk, correlated};

/// Which lines.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditFilter {
    /// Only lines about this subject, such as `account crm/main 001..`.
    #[serde(default, deserialize_with = "filled")]
    #[validate(length(min = 1, max = 400))]
    #[param(min_length = 1, max_length = 400)]
    pub(crate) subject: Option<String>,
    /// From the page before: lines with a smaller number.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    pub(crate) cursor: Option<u64>,
    /// Lines a page.
    #[validate(range(min = 1, max = 1000))]
    #[param(minimum = 1, maximum = 1000)]
    pub(crate) limit: Option<u32>,
}

impl From<AuditFilter> for AuditQuery {
    fn from(filter: AuditFilter) -> Self {
        Self {
            subject: filter.subject,
            cursor: filter.cursor.map(|line| line.to_string()),
            limit: filter.limit,
        }
    }
}

/// Lines of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntries {
    /// The lines, newest first.
    pub(crate) items: Vec<AuditEntry>,
    /// Give this to get the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// List audit entries
///
/// The append-only log of decisions and effects. Each line carries a hash over itself and the line before it.
#[utoipa::path(
    operation_id = "audit_entries_list",
    tag = "audit",
    params(AuditFilter),
    responses((status = 200, description = "Lines of the log", body = AuditEntries), Problem),
    security(("bearer" = ["audit:read"]))
)]
#[get("/v1/audit-entries")]
pub(crate) async fn list(
    _allowed: Allowed<ReadAudit>,
    filter: ValidQuery<AuditFilter>,
    desk: web::Data<Desk>,
) -> Handled<AuditEntries> {
    let page = correlated(desk.control.audit_entries(&filter.0.into())).await?;
    Ok(web::Json(AuditEntries {
        items: page.items,
        next_cursor: page.next_cursor,
    }))
}
