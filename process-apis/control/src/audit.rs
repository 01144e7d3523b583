//! The audit log: append-only, each line carrying the hash of the line before it.

use canonical_model::{AuditEntry, Failure, Result};
use chrono::{DateTime, Utc};
use persistence::{Migration, Row, Tx, args};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Tables of this module. `audit_head` holds where the chain ends; its row is locked by every writer.
pub const MIGRATION: Migration = Migration {
    name: "control_audit_1",
    sql: "CREATE TABLE audit_entries (
            seq BIGINT PRIMARY KEY,
            at_ms BIGINT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            detail TEXT NOT NULL,
            correlation_id TEXT NOT NULL,
            hash TEXT NOT NULL);
          CREATE INDEX audit_entries_subject ON audit_entries (subject, seq);
          CREATE TABLE audit_head (id BIGINT PRIMARY KEY, seq BIGINT NOT NULL, hash TEXT NOT NULL);
          INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');",
};

/// A line to append.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Who.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Details; never secrets or personal data.
    pub detail: Value,
    /// Correlates with logs.
    pub correlation_id: String,
}

/// Appends lines in one go.
///
/// # Errors
/// The database fails.
pub async fn append(tx: &mut Tx, entries: &[Entry], now_ms: i64) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    // The update comes first: it locks the head, so that the chain has one writer at a time.
    tx.execute("UPDATE audit_head SET seq = seq WHERE id = 1", Vec::new())
        .await?;
    let head = tx
        .one("SELECT seq, hash FROM audit_head WHERE id = 1", Vec::new())
        .await?
        .ok_or_else(|| Failure::fault("audit_broken", "the audit log has lost its head"))?;
    let (mut seq, mut hash) = (head.int("seq")?, head.text("hash")?);
    for entry in entries {
        seq += 1;
        hash = hash_of(&hash, seq, now_ms, entry);
        tx.execute(
            "INSERT INTO audit_entries (seq, at_ms, actor, action, subject, detail, correlation_id, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            args![
                seq,
                now_ms,
                entry.actor.as_str(),
                entry.action.as_str(),
                entry.subject.as_str(),
                entry.detail.to_string(),
                entry.correlation_id.as_str(),
                hash.as_str()
            ],
        )
        .await?;
    }
    tx.execute(
        "UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1",
        args![seq, hash],
    )
    .await
    .map(drop)
}

/// Lines with a greater number than `after`, oldest first; of one subject unless it is empty.
///
/// # Errors
/// The database fails.
pub async fn page(tx: &mut Tx, after: i64, subject: &str, limit: i64) -> Result<Vec<AuditEntry>> {
    tx.all(
        "SELECT seq, at_ms, actor, action, subject, detail, correlation_id, hash FROM audit_entries
         WHERE seq > $1 AND ($2 = '' OR subject = $2) ORDER BY seq LIMIT $3",
        args![after, subject, limit],
    )
    .await?
    .iter()
    .map(from_row)
    .collect()
}

/// Lines with a smaller number than `before`, newest first; of one subject unless it is empty.
///
/// # Errors
/// The database fails.
pub async fn newest(tx: &mut Tx, before: i64, subject: &str, limit: i64) -> Result<Vec<AuditEntry>> {
    tx.all(
        "SELECT seq, at_ms, actor, action, subject, detail, correlation_id, hash FROM audit_entries
         WHERE seq < $1 AND ($2 = '' OR subject = $2) ORDER BY seq DESC LIMIT $3",
        args![before, subject, limit],
    )
    .await?
    .iter()
    .map(from_row)
    .collect()
}

/// Whether lines follow each other as they were written: the hash of each is that of its content and of the line
/// before it. `before` is the hash of the line before the first, empty at the start of the log.
///
/// # Errors
/// Fault `audit_broken`, naming the first line that does not fit.
pub fn verify(before: &str, entries: &[AuditEntry]) -> Result<()> {
    let mut hash = before.to_owned();
    for line in entries {
        let entry = Entry {
            actor: line.actor.clone(),
            action: line.action.clone(),
            subject: line.subject.clone(),
            detail: line.detail.clone(),
            correlation_id: line.correlation_id.clone(),
        };
        let seq = i64::try_from(line.seq).unwrap_or(i64::MAX);
        hash = hash_of(&hash, seq, line.at.timestamp_millis(), &entry);
        if hash != line.hash {
            return Err(Failure::fault(
                "audit_broken",
                format!("line {} of the audit log is not as it was written", line.seq),
            ));
        }
    }
    Ok(())
}

fn hash_of(before: &str, seq: i64, at_ms: i64, entry: &Entry) -> String {
    let line = json!([
        before,
        seq,
        at_ms,
        entry.actor,
        entry.action,
        entry.subject,
        entry.detail,
        entry.correlation_id
    ]);
    hex::encode(Sha256::digest(line.to_string()))
}

fn from_row(row: &Row) -> Result<AuditEntry> {
    let at: DateTime<Utc> = row.time("at_ms")?;
    Ok(AuditEntry {
        seq: u64::try_from(row.int("seq")?).unwrap_or(0),
        at,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.json("detail")?,
        correlation_id: row.text("correlation_id")?,
        hash: row.text("hash")?,
    })
}
