//! What a person decides about lines that wait, by line or for all lines of one cause, and what the desk is to be told.

use canonical_model::{CanonicalId, Failure, Result, SourceKind};
use chrono::{DateTime, Utc};
use persistence::{Row, Tx, args};

use crate::edits::Edits;

use super::{execute_over_ids, execute_over_rows, json, line_of, minor, read_word};

const REQUEUE: &str =
    "UPDATE posting_lines SET state = 'queued', batch = NULL, failure = NULL, cause_code = NULL,
        cause_subject = NULL, changed_at = $1
    WHERE state = 'excepted' AND id IN ({rows})";

/// Queues waiting lines again; how many did wait. A line that was withdrawn or mended since is left alone.
///
/// # Errors
/// Failures of the database.
pub async fn requeue(tx: &mut Tx, ids: &[CanonicalId], now: DateTime<Utc>) -> Result<u64> {
    execute_over_ids(tx, REQUEUE, args![now], ids).await
}

const SKIP: &str = "UPDATE posting_lines SET state = 'skipped', batch = NULL, changed_at = $1
    WHERE state = 'excepted' AND id IN ({rows})";

/// Waiting lines shall not be posted; how many did wait. Why they waited stays with them.
///
/// # Errors
/// Failures of the database.
pub async fn skip(tx: &mut Tx, ids: &[CanonicalId], now: DateTime<Utc>) -> Result<u64> {
    execute_over_ids(tx, SKIP, args![now], ids).await
}

const WAITING: &str =
    "SELECT id, connection, kind, source_id, generation, work, NULL AS edits, digest, state,
    legal_entity, erp_id, erp_project_id, invoice_id, failure, edits AS kept
    FROM posting_lines WHERE state = 'excepted' AND id IN ({rows})";

const EDIT: &str =
    "UPDATE posting_lines SET edits = v.column2, charge_minor = v.column3, charge_currency = v.column4
    FROM (VALUES {rows}) AS v WHERE posting_lines.id = v.column1 AND posting_lines.state = 'excepted'";

/// Changes how waiting lines are posted, and queues them again; how many did wait.
///
/// # Errors
/// Failures of the database.
pub async fn edit(tx: &mut Tx, ids: &[CanonicalId], edits: &Edits, now: DateTime<Utc>) -> Result<u64> {
    let statement = super::Bulk {
        template: WAITING,
        fixed: 0,
        columns: 1,
        brackets: false,
    };
    for piece in super::bulk::pieces(ids) {
        let values = piece.iter().map(|id| persistence::Value::from(*id)).collect();
        let rows = tx.all(statement.text(piece.len()), values).await?;
        let changed = rows.iter().map(|row| edited(row, edits)).collect::<Result<_>>()?;
        execute_over_rows(tx, EDIT, args![], changed).await?;
    }
    requeue(tx, ids, now).await
}

fn edited(row: &Row, edits: &Edits) -> Result<Vec<persistence::Value>> {
    let line = line_of(row)?;
    let all = row
        .opt_json::<Edits>("kept")?
        .unwrap_or_default()
        .with(edits.clone());
    let (charge, currency) = minor(all.apply(line.work).charge())?;
    Ok(args![line.id, json(&all)?, charge, currency])
}

/// A change that nobody can read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The connection.
    pub connection: String,
    /// What it is of.
    pub kind: SourceKind,
    /// Id of the source there.
    pub source_id: String,
    /// Why it cannot be read.
    pub failure: Failure,
    /// When it was changed.
    pub changed_at: DateTime<Utc>,
}

const UNREADABLE: &str = "SELECT connection, kind, source_id, failure, changed_at FROM unreadable_changes
    WHERE told = 0 ORDER BY changed_at LIMIT $1";

const UNREADABLE_TOLD: &str = "UPDATE unreadable_changes SET told = 1
    WHERE connection = $1 AND kind = $2 AND source_id = $3";

/// Changes that nobody can read and nobody was told of yet: from now on somebody was.
///
/// # Errors
/// Failures of the database.
pub async fn tell_unreadable(tx: &mut Tx, limit: u32) -> Result<Vec<Unreadable>> {
    tx.lock("unreadable changes").await?;
    let mut found = Vec::new();
    for row in tx.all(UNREADABLE, args![limit]).await? {
        let change = Unreadable {
            connection: row.text("connection")?,
            kind: read_word(&row.text("kind")?)?,
            source_id: row.text("source_id")?,
            failure: row.json("failure")?,
            changed_at: row.time("changed_at")?,
        };
        let key = args![
            &change.connection,
            super::kind_word(change.kind),
            &change.source_id
        ];
        tx.execute(UNREADABLE_TOLD, key).await?;
        found.push(change);
    }
    Ok(found)
}

const IS_UNREADABLE: &str = "SELECT failure FROM unreadable_changes
    WHERE connection = $1 AND kind = $2 AND source_id = $3";

/// Why a source cannot be read, where that still holds.
///
/// # Errors
/// Failures of the database.
pub async fn unreadable(
    tx: &mut Tx,
    connection: &str,
    kind: SourceKind,
    source_id: &str,
) -> Result<Option<Failure>> {
    let row = tx
        .one(
            IS_UNREADABLE,
            args![connection, super::kind_word(kind), source_id],
        )
        .await?;
    row.map(|row| row.json("failure")).transpose()
}

/// Lines whose exceptions the PSA has overtaken, by the batch that raised them: `(line, batch)`.
///
/// # Errors
/// Failures of the database.
pub async fn overtaken(tx: &mut Tx, limit: u32) -> Result<Vec<(CanonicalId, String)>> {
    let rows = tx
        .all(
            "SELECT line_id, batch FROM overtaken_exceptions ORDER BY batch, line_id LIMIT $1",
            args![limit],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.id("line_id")?, row.text("batch")?)))
        .collect()
}

/// Takes a line off the list of [`overtaken`].
///
/// # Errors
/// Failures of the database.
pub async fn overtaken_is_closed(tx: &mut Tx, line: CanonicalId, batch: &str) -> Result<()> {
    tx.execute(
        "DELETE FROM overtaken_exceptions WHERE line_id = $1 AND batch = $2",
        args![line, batch],
    )
    .await
    .map(|_| ())
}
