//! Certificates.

use canonical_model::{CanonicalId, Failure, IssuedCertificate, ReconciliationCertificate, Result};
use persistence::{Tx, args};
use sha2::{Digest, Sha256};

use super::json;

/// Keeps a certificate. It is written once and never changed.
pub(crate) async fn issue(
    tx: &mut Tx,
    certificate: &ReconciliationCertificate,
    now_ms: i64,
) -> Result<String> {
    let text = json(certificate)?;
    let sha256 = hex::encode(Sha256::digest(&text));
    tx.execute(
        "INSERT INTO reconciliation_certificates (id, run_id, text, sha256, issued_ms) VALUES ($1, $2, $3, $4, $5)",
        args![
            certificate.id,
            certificate.reconciliation_id,
            text,
            sha256.as_str(),
            now_ms
        ],
    )
    .await?;
    Ok(sha256)
}

/// The certificate of a comparison.
///
/// # Errors
/// Business `not_found`; Fault `certificate_changed` where it is not what was issued.
pub(crate) async fn certificate(tx: &mut Tx, run: CanonicalId) -> Result<IssuedCertificate> {
    let row = tx
        .one(
            "SELECT text, sha256 FROM reconciliation_certificates WHERE run_id = $1",
            args![run],
        )
        .await?
        .ok_or_else(|| {
            let message = format!("reconciliation {run} has no certificate");
            Failure::business("not_found", message)
        })?;
    let (text, sha256) = (row.text("text")?, row.text("sha256")?);
    if hex::encode(Sha256::digest(&text)) != sha256 {
        let message = format!("the certificate of reconciliation {run} is not as it was issued");
        return Err(Failure::fault("certificate_changed", message));
    }
    Ok(IssuedCertificate {
        certificate: row.json("text")?,
        text,
        sha256,
    })
}
