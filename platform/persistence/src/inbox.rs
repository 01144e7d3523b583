//! Messages from outside, each taken once.

use canonical_model::Result;

use crate::{Migration, Tx, args};

/// The inbox's table.
pub const MIGRATION: Migration = Migration {
    name: "inbox-1",
    sql: "CREATE TABLE inbox (
        source TEXT NOT NULL,
        message_id TEXT NOT NULL,
        received_ms BIGINT NOT NULL,
        PRIMARY KEY (source, message_id))",
};

/// Takes a message; false where it was taken before. Commits with what the message brings about.
///
/// # Errors
/// Failures of the database.
pub async fn accept(tx: &mut Tx, source: &str, message_id: &str) -> Result<bool> {
    let sql =
        "INSERT INTO inbox (source, message_id, received_ms) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    Ok(tx
        .execute(sql, args![source, message_id, canonical_model::clock::now()])
        .await?
        == 1)
}
