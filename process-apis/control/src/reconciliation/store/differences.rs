//! Differences, as they are kept.

use canonical_model::{CanonicalId, Difference, DifferenceState, Reconciliation, Result, SourceKind};
use persistence::{Row, Tx, args};

use super::super::compare::word;
use super::{Run, json, read};

/// A difference as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) difference: Difference,
    pub(crate) item: String,
    pub(crate) last_run: CanonicalId,
}

fn kept(row: &Row) -> Result<Kept> {
    Ok(Kept {
        difference: row.json("difference")?,
        item: row.text("item")?,
        last_run: row.id("last_run")?,
    })
}

/// What a difference is known by: there is one of an item at a time.
pub(crate) fn item_key(kind: SourceKind, record: &str) -> String {
    format!("{} {record}", word(&kind))
}

/// The difference of an item that is not resolved.
pub(crate) async fn of_item(tx: &mut Tx, item: &str) -> Result<Option<Kept>> {
    let row = tx
        .one(
            "SELECT difference, item, last_run FROM reconciliation_differences WHERE item = $1 AND state <> 'resolved'",
            args![item],
        )
        .await?;
    row.map(|row| kept(&row)).transpose()
}

/// One difference.
pub(crate) async fn difference(tx: &mut Tx, id: CanonicalId) -> Result<Option<Kept>> {
    let row = tx
        .one(
            "SELECT difference, item, last_run FROM reconciliation_differences WHERE id = $1",
            args![id],
        )
        .await?;
    row.map(|row| kept(&row)).transpose()
}

/// Keeps a difference as it is now.
pub(crate) async fn keep(tx: &mut Tx, kept: &Kept) -> Result<()> {
    let difference = &kept.difference;
    tx.execute(
        "INSERT INTO reconciliation_differences (id, item, cause, state, difference, day, first_run, last_run)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT (id) DO UPDATE SET state = excluded.state, difference = excluded.difference, day = excluded.day,
            last_run = excluded.last_run",
        args![
            difference.id,
            kept.item.as_str(),
            word(&difference.cause),
            word(&difference.state),
            json(difference)?,
            difference.date,
            kept.last_run
        ],
    )
    .await
    .map(drop)
}

/// Differences that are to be compared again, from behind an id on.
pub(crate) async fn retrying(tx: &mut Tx, after: &str, limit: i64) -> Result<Vec<Kept>> {
    let rows = tx
        .all(
            "SELECT difference, item, last_run FROM reconciliation_differences
             WHERE state = 'retrying' AND id > $1 ORDER BY id LIMIT $2",
            args![after, limit],
        )
        .await?;
    rows.iter().map(kept).collect()
}

/// Differences of these days that a comparison did not find, open or accepted, from behind an id on.
pub(crate) async fn not_found_again(tx: &mut Tx, run: &Run, after: &str, limit: i64) -> Result<Vec<Kept>> {
    let (from, to) = (run.scope.from, run.scope.to);
    let rows = tx
        .all(
            "SELECT difference, item, last_run FROM reconciliation_differences
             WHERE state <> 'resolved' AND last_run <> $1 AND day >= $2 AND day <= $3 AND id > $4 ORDER BY id LIMIT $5",
            args![run.id, from, to, after, limit],
        )
        .await?;
    rows.iter().map(kept).collect()
}

/// Differences that a comparison found, in one state where given, from behind an id on.
pub(crate) async fn of_run(
    tx: &mut Tx,
    run: CanonicalId,
    state: Option<DifferenceState>,
    after: &str,
    limit: i64,
) -> Result<Vec<Difference>> {
    let state = state.map(|state| word(&state)).unwrap_or_default();
    let rows = tx
        .all(
            "SELECT difference FROM reconciliation_differences
             WHERE (first_run = $1 OR last_run = $1) AND ($2 = '' OR state = $2) AND id > $3 ORDER BY id LIMIT $4",
            args![run, state, after, limit],
        )
        .await?;
    rows.iter().map(|row| row.json("difference")).collect()
}

/// How many differences that a comparison found last wait for a person.
pub(crate) async fn waiting(tx: &mut Tx, run: CanonicalId) -> Result<i64> {
    let row = tx
        .one(
            "SELECT COUNT(*) AS waiting FROM reconciliation_differences
             WHERE last_run = $1 AND state IN ('open', 'retrying')",
            args![run],
        )
        .await?;
    row.map_or(Ok(0), |row| row.int("waiting"))
}

/// Differences on the desk of one cause that wait for a person.
pub(crate) async fn of_cause(tx: &mut Tx, code: &str, subject: &str) -> Result<Vec<CanonicalId>> {
    let rows = tx
        .all(
            "SELECT id FROM desk_exceptions WHERE process_api = $1 AND open = 1 AND code = $2 AND subject = $3 ORDER BY id",
            args![super::super::OURS, code, subject],
        )
        .await?;
    rows.iter().map(|row| row.id("id")).collect()
}

/// The comparison that answers a gap, and that an exception tells of.
pub(crate) async fn of_gap(tx: &mut Tx, exception: CanonicalId) -> Result<Option<Reconciliation>> {
    let row = tx
        .one(
            "SELECT id FROM reconciliations WHERE gap_exception = $1",
            args![exception],
        )
        .await?;
    match row {
        Some(row) => read(tx, row.id("id")?).await.map(Some),
        None => Ok(None),
    }
}
