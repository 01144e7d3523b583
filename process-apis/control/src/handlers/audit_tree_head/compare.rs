//! What shows that one tree is the beginning of another.

use actix_web::{get, web};
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::TreeHead;
use crate::permissions::ReadAudit;
use crate::{Control, audit};

/// Which trees.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ConsistencyQuery {
    /// Entries of the earlier tree.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    from: i64,
    /// Entries of the later tree; the current one without it.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    to: Option<i64>,
}

/// A consistency proof of RFC 9162, section 2.1.4.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ConsistencyProof {
    /// The earlier tree, unsigned.
    from: TreeHead,
    /// The later tree, unsigned.
    to: TreeHead,
    /// The proof: hashes in hexadecimal, in the order of the RFC; empty where both are the same.
    hashes: Vec<String>,
}

/// Prove that the log was only appended to
///
/// The RFC 9162 consistency proof between two sizes of the log. Checked against two heads that were kept, it shows that the
/// later log begins with the earlier one. Refusals: `audit_range_unknown`.
#[utoipa::path(
    operation_id = "audit_consistency_prove",
    tag = "audit",
    params(ConsistencyQuery),
    responses((status = 200, description = "The proof", body = ConsistencyProof), Problem),
    security(("bearer" = ["audit:read"]))
)]
#[get("/v1/audit-consistency-proof")]
pub(crate) async fn compare(
    _allowed: Allowed<ReadAudit>,
    query: ValidQuery<ConsistencyQuery>,
    control: web::Data<Control>,
) -> Handled<ConsistencyProof> {
    let ConsistencyQuery { from, to } = query.0;
    let proof = control
        .database
        .read(move |tx| Box::pin(async move { audit::prove_consistency(tx, from, to).await }))
        .await?;
    Ok(web::Json(ConsistencyProof {
        from: proof.from.into(),
        to: proof.to.into(),
        hashes: proof.hashes,
    }))
}
