//! This API's own tables about projects and planned time: whose turn it is, and what was last written.

use canonical_model::{Assignment, CanonicalId, Failure, Result};
use persistence::{Migration, Tx, args};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::process::KnownProject;

/// The tables.
pub const MIGRATION: Migration = Migration {
    name: "quote_to_project_allocations_1",
    sql: "CREATE TABLE known_projects (
            psa TEXT NOT NULL,
            psa_id TEXT NOT NULL,
            project TEXT NOT NULL,
            PRIMARY KEY (psa, psa_id));
          CREATE TABLE allocations (
            assignment TEXT PRIMARY KEY,
            holder TEXT,
            written TEXT)",
};

/// What was last written of an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct LastWritten {
    /// As the PSA had it.
    pub assignment: Assignment,
    /// The CRM shows it.
    pub shown: bool,
    /// The forecast that the ERP has of it.
    pub forecasted: Option<Assignment>,
}

/// Notes a project of ours, or what has become known of it since.
///
/// # Errors
/// The database fails.
pub async fn note_project(tx: &mut Tx, psa: &str, psa_id: &str, project: &KnownProject) -> Result<()> {
    let sql = "INSERT INTO known_projects (psa, psa_id, project) VALUES ($1, $2, $3)
        ON CONFLICT (psa, psa_id) DO UPDATE SET project = excluded.project";
    tx.execute(sql, args![psa, psa_id, json(project)?])
        .await
        .map(drop)
}

/// The project of ours that a project of a PSA is.
///
/// # Errors
/// The database fails.
pub async fn project(tx: &mut Tx, psa: &str, psa_id: &str) -> Result<Option<KnownProject>> {
    let sql = "SELECT project FROM known_projects WHERE psa = $1 AND psa_id = $2";
    tx.one(sql, args![psa, psa_id])
        .await?
        .map(|row| row.json("project"))
        .transpose()
}

/// Takes the turn on an assignment; whether it was to be had.
///
/// # Errors
/// The database fails.
pub async fn take_turn(tx: &mut Tx, assignment: &str, instance: CanonicalId) -> Result<bool> {
    let sql = "INSERT INTO allocations (assignment, holder) VALUES ($1, $2)
        ON CONFLICT (assignment) DO UPDATE SET holder = excluded.holder
        WHERE allocations.holder IS NULL OR allocations.holder = excluded.holder";
    Ok(tx.execute(sql, args![assignment, instance]).await? == 1)
}

/// Gives the turn to whoever waits for it.
///
/// # Errors
/// The database fails.
pub async fn give_turn(tx: &mut Tx, assignment: &str, instance: CanonicalId) -> Result<()> {
    let sql = "UPDATE allocations SET holder = NULL WHERE assignment = $1 AND holder = $2";
    tx.execute(sql, args![assignment, instance]).await?;
    let sql = "DELETE FROM allocations WHERE assignment = $1 AND holder IS NULL AND written IS NULL";
    tx.execute(sql, args![assignment]).await.map(drop)
}

/// What was last written of an assignment.
///
/// # Errors
/// The database fails.
pub async fn last_written(tx: &mut Tx, assignment: &str) -> Result<Option<LastWritten>> {
    let sql = "SELECT written FROM allocations WHERE assignment = $1";
    let row = tx.one(sql, args![assignment]).await?;
    Ok(match row {
        Some(row) => row.opt_json("written")?,
        None => None,
    })
}

/// Remembers what was written.
///
/// # Errors
/// The database fails.
pub async fn remember(tx: &mut Tx, assignment: &str, written: &LastWritten) -> Result<()> {
    let sql = "UPDATE allocations SET written = $2 WHERE assignment = $1";
    tx.execute(sql, args![assignment, json(written)?]).await.map(drop)
}

fn json<T: Serialize + DeserializeOwned>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| {
        Failure::fault(
            "unwritable_record",
            "a record of our own tables cannot be written as JSON",
        )
        .with_detail(error.to_string())
    })
}
