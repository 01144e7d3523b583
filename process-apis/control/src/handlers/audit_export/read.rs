//! The log from an entry on.

use actix_web::{HttpResponse, get, web};
use canonical_model::Failure;
use chassis::{Allowed, Problem, ValidQuery};
use futures_util::stream::{self, Stream, StreamExt};
use persistence::Database;
use serde::Deserialize;
use utoipa::IntoParams;
use validator::Validate;

use crate::permissions::ReadAudit;
use crate::{Control, audit};

/// From where.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    /// Number of the first entry: 1 without it, or the first that is not covered by a tree head that was kept.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    from: Option<i64>,
}

/// Export the log
///
/// JSON lines, as `docs/audit.md` describes them: a line about the export, then the entries with the tree heads between
/// them, up to the end of the log as it is now. `fairlead audit verify` checks it without a connection to anything.
/// Refusals: `audit_range_unknown`.
#[utoipa::path(
    operation_id = "audit_export_read",
    tag = "audit",
    params(ExportQuery),
    responses((status = 200, description = "The lines", body = String, content_type = "application/x-ndjson"), Problem),
    security(("bearer" = ["audit:read"]))
)]
#[get("/v1/audit-export")]
pub(crate) async fn read(
    _allowed: Allowed<ReadAudit>,
    query: ValidQuery<ExportQuery>,
    control: web::Data<Control>,
) -> Result<HttpResponse, Problem> {
    let (first, key) = (query.0.from.unwrap_or(1), control.audit_key.clone());
    let header = control
        .database
        .read(move |tx| Box::pin(async move { audit::header(tx, first, key.as_deref()).await }))
        .await?;
    let last = i64::try_from(header.head.tree_size).unwrap_or(i64::MAX);
    let begin = stream::iter([Ok(web::Bytes::from(format!("{}\n", header.line())))]);
    Ok(HttpResponse::Ok()
        .content_type("application/x-ndjson")
        .streaming(begin.chain(rest(control.database.clone(), first - 1, last))))
}

/// A page at a time: what was appended is not changed any more, so the pages need no transaction in common.
fn rest(db: Database, after: i64, last: i64) -> impl Stream<Item = Result<web::Bytes, Failure>> {
    stream::try_unfold(after, move |after| {
        let db = db.clone();
        async move {
            let page = db
                .read(move |tx| Box::pin(async move { audit::export(tx, after, last).await }))
                .await?;
            Ok(page.map(|(end, text)| (web::Bytes::from(text), end)))
        }
    })
}
