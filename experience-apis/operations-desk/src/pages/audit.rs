//! The audit log.

use actix_web::http::StatusCode;
use actix_web::web;
use chassis::{Allowed, ValidQuery};

use super::{Shown, address, page};
use crate::handlers::audit_entry::list::AuditFilter;
use crate::permissions::ReadAudit;
use crate::state::{Desk, correlated};
use crate::view::Audit;

/// `GET /audit`.
pub(crate) async fn show(
    allowed: Allowed<ReadAudit>,
    filter: ValidQuery<AuditFilter>,
    desk: web::Data<Desk>,
) -> Shown {
    let subject = filter.0.subject.clone();
    let found = correlated(desk.control.audit_entries(&filter.0.into())).await?;
    let older = |cursor: &str| {
        address(
            "/audit",
            &[("subject", subject.as_deref()), ("cursor", Some(cursor))],
        )
    };
    let next = found.next_cursor.as_deref().map(older);
    let body = Audit {
        entries: &found.items,
        subject: subject.as_deref().unwrap_or_default(),
        next: next.as_deref(),
    };
    page(&allowed.caller, "/audit", "Audit log", StatusCode::OK, &body)
}
