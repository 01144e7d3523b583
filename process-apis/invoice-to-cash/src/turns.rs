//! Turns: one instance at a time shows sales how an account stands, so that what was read earlier is never written later.

use canonical_model::{CanonicalId, Result};
use persistence::{Migration, Tx, args};

/// Tables of this module.
pub const MIGRATION: Migration = Migration {
    name: "invoice_to_cash_turns_1",
    sql: "CREATE TABLE feedback_turns (account TEXT PRIMARY KEY, holder TEXT NOT NULL);",
};

/// Takes the turn of an account; false while another instance has it.
///
/// # Errors
/// The database fails.
pub async fn take(tx: &mut Tx, account: CanonicalId, instance: CanonicalId) -> Result<bool> {
    let sql = "INSERT INTO feedback_turns (account, holder) VALUES ($1, $2)
        ON CONFLICT (account) DO UPDATE SET holder = excluded.holder WHERE feedback_turns.holder = excluded.holder";
    Ok(tx.execute(sql, args![account, instance]).await? == 1)
}

/// Gives the turn to whoever waits for it.
///
/// # Errors
/// The database fails.
pub async fn give(tx: &mut Tx, account: CanonicalId, instance: CanonicalId) -> Result<()> {
    let sql = "DELETE FROM feedback_turns WHERE account = $1 AND holder = $2";
    tx.execute(sql, args![account, instance]).await.map(drop)
}
