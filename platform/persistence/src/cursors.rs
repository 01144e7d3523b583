//! How far a feed has been read: written in the transaction that took in what was read.

use canonical_model::Result;

use crate::{Migration, Tx, args};

/// The table of cursors.
pub const MIGRATION: Migration = Migration {
    name: "cursors-1",
    sql: "CREATE TABLE feed_cursors (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        updated_ms BIGINT NOT NULL)",
};

/// Where the feed `name` goes on.
///
/// # Errors
/// Failures of the database.
pub async fn get(tx: &mut Tx, name: &str) -> Result<Option<String>> {
    let row = tx
        .one("SELECT value FROM feed_cursors WHERE name = $1", args![name])
        .await?;
    row.map(|row| row.text("value")).transpose()
}

/// Records where the feed `name` goes on.
///
/// # Errors
/// Failures of the database.
pub async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO feed_cursors (name, value, updated_ms) VALUES ($1, $2, $3)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms";
    tx.execute(sql, args![name, value, canonical_model::clock::now()])
        .await
        .map(|_| ())
}

/// The feed `name` begins anew.
///
/// # Errors
/// Failures of the database.
pub async fn forget(tx: &mut Tx, name: &str) -> Result<()> {
    tx.execute("DELETE FROM feed_cursors WHERE name = $1", args![name])
        .await
        .map(drop)
}
