//! What shows that an entry is in a tree.

use actix_web::{get, web};
use canonical_model::Failure;
use chassis::{Allowed, Handled, Problem, ValidQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::TreeHead;
use crate::permissions::ReadAudit;
use crate::{Control, audit};

/// In which tree.
#[derive(Debug, Deserialize, IntoParams, Validate)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct InclusionQuery {
    /// Entries of the tree; the current one without it.
    #[validate(range(min = 1))]
    #[param(minimum = 1)]
    tree_size: Option<i64>,
}

/// An inclusion proof of RFC 9162, section 2.1.3.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InclusionProof {
    /// The entry's line as it stands in an export: the leaf is SHA-256 over a zero byte and these bytes.
    line: String,
    /// The tree, unsigned.
    head: TreeHead,
    /// The proof: hashes in hexadecimal, from the leaf to the root. The leaf's index, from 0, is the entry's number less 1.
    hashes: Vec<String>,
}

/// Prove that an entry is in the log
///
/// The entry with its RFC 9162 inclusion proof. Checked against a head that was kept, it shows that this very entry was
/// there. Refusals: `audit_range_unknown`.
#[utoipa::path(
    operation_id = "audit_inclusion_prove",
    tag = "audit",
    params(("seq" = u64, Path, description = "Number of the entry", minimum = 1), InclusionQuery),
    responses((status = 200, description = "The proof", body = InclusionProof), Problem),
    security(("bearer" = ["audit:read"]))
)]
#[get("/v1/audit-entries/{seq}/inclusion-proof")]
pub(crate) async fn prove(
    _allowed: Allowed<ReadAudit>,
    seq: web::Path<u64>,
    query: ValidQuery<InclusionQuery>,
    control: web::Data<Control>,
) -> Handled<InclusionProof> {
    let (number, tree_size) = (seq.into_inner(), query.0.tree_size);
    let seq = i64::try_from(number).ok().filter(|seq| *seq > 0);
    let seq =
        seq.ok_or_else(|| Failure::business("not_found", format!("the audit log has no entry {number}")))?;
    let proof = control
        .database
        .read(move |tx| Box::pin(async move { audit::prove_inclusion(tx, seq, tree_size).await }))
        .await?;
    Ok(web::Json(InclusionProof {
        line: proof.line,
        head: proof.head.into(),
        hashes: proof.hashes,
    }))
}
