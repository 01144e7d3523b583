//! Requests that may come twice: the key and the effect are in one transaction.

use canonical_model::{Failure, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{Migration, Tx, args};

/// The table of keys.
pub const MIGRATION: Migration = Migration {
    name: "idempotency-1",
    sql: "CREATE TABLE idempotency (
        operation TEXT NOT NULL,
        key TEXT NOT NULL,
        digest TEXT NOT NULL,
        status BIGINT,
        body TEXT,
        created_ms BIGINT NOT NULL,
        PRIMARY KEY (operation, key))",
};

/// Whether a request is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is: do it and call [`finish`] in the same transaction.
    New,
    /// It was done: answer the same again.
    Replay {
        /// The status that was answered.
        status: u16,
        /// The body that was answered.
        body: String,
    },
}

/// Takes a request's key.
///
/// # Errors
/// Business `idempotency_key_reused` where the key came with another request.
pub async fn begin(tx: &mut Tx, operation: &str, key: &str, digest: &str) -> Result<Seen> {
    let sql = "INSERT INTO idempotency (operation, key, digest, created_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING";
    // PostgreSQL waits here for another transaction with the same key, so that what is read below is committed.
    if tx
        .execute(sql, args![operation, key, digest, canonical_model::clock::now()])
        .await?
        == 1
    {
        return Ok(Seen::New);
    }
    let sql = "SELECT digest, status, body FROM idempotency WHERE operation = $1 AND key = $2";
    let row = tx.one(sql, args![operation, key]).await?.ok_or_else(unfinished)?;
    if row.text("digest")? != digest {
        let message = format!("the idempotency key {key:?} was used with another request");
        return Err(Failure::business("idempotency_key_reused", message));
    }
    let status = row
        .opt_int("status")?
        .and_then(|status| u16::try_from(status).ok());
    Ok(Seen::Replay {
        status: status.ok_or_else(unfinished)?,
        body: row.opt_text("body")?.unwrap_or_default(),
    })
}

/// Records what was answered.
///
/// # Errors
/// Failures of the database.
pub async fn finish(tx: &mut Tx, operation: &str, key: &str, status: u16, body: &str) -> Result<()> {
    let sql = "UPDATE idempotency SET status = $3, body = $4 WHERE operation = $1 AND key = $2";
    tx.execute(sql, args![operation, key, i64::from(status), body])
        .await
        .map(|_| ())
}

/// The digest of a request, for [`begin`].
///
/// # Errors
/// Fault `request_unwritable` where the request is not to be written as JSON.
pub fn digest(request: &impl Serialize) -> Result<String> {
    let text = serde_json::to_vec(request).map_err(|e| {
        Failure::fault("request_unwritable", "a request cannot be written as JSON").with_detail(e.to_string())
    })?;
    Ok(hex::encode(Sha256::digest(&text)))
}

fn unfinished() -> Failure {
    Failure::fault(
        "idempotency_unfinished",
        "the first request with this key left no answer",
    )
}
