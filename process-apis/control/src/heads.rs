//! Makes tree heads of the audit log at intervals.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use audit_log::SigningKey;
use canonical_model::clock;
use chassis::Reference;
use persistence::Database;
use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use validator::Validate;

use crate::audit;

/// How the audit log is made checkable.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct AuditSettings {
    /// A tree head is made so often, where entries were appended, in seconds.
    #[validate(range(min = 1, max = 86_400))]
    pub head_every_s: u64,
    /// An Ed25519 private key in PEM that signs the heads; without it they are not signed.
    #[serde(default)]
    pub signing_key: Option<Reference>,
}

impl AuditSettings {
    /// Fetches the key.
    ///
    /// # Errors
    /// It is not there, or no Ed25519 key.
    pub(crate) fn key(&self) -> anyhow::Result<Option<Arc<SigningKey>>> {
        let Some(reference) = &self.signing_key else {
            return Ok(None);
        };
        let pem = reference.resolve()?;
        let key = SigningKey::from_pem(pem.expose_secret()).map_err(anyhow::Error::msg);
        Ok(Some(Arc::new(key.context("audit.signing_key cannot be used")?)))
    }
}

/// Makes heads until stopped.
pub(crate) async fn keep(db: Database, key: Option<Arc<SigningKey>>, every_s: u64, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let key = key.clone();
        let made = db.write(move |tx| {
            Box::pin(
                async move { audit::make_head(tx, key.as_deref(), clock::now().timestamp_millis()).await },
            )
        });
        match made.await {
            Ok(Some(head)) => {
                tracing::debug!(tree_size = head.tree_size, root_hash = %head.root_hash, "made a tree head of the audit log");
            }
            Ok(None) => {}
            Err(failure) => {
                tracing::error!(code = %failure.code, %failure, "no tree head of the audit log was made");
            }
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(every_s)) => {}
            () = stop.cancelled() => {}
        }
    }
}
