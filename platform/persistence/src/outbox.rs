//! Events, told in the transaction that makes them true, read by cursor in the order of commits.
//!
//! The order of commits is the order of the feed: a reader that has seen an event never misses an earlier one. On
//! PostgreSQL transactions that tell events end one after the other, under a lock that is taken last.

use canonical_model::{Event, EventPage, Failure, Result};

use crate::{Migration, Tx, Value, args};

/// The outbox's table.
pub const MIGRATION: Migration = Migration {
    name: "outbox-1",
    sql: "CREATE TABLE outbox (
        sequence BIGINT PRIMARY KEY,
        event_id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        time_ms BIGINT NOT NULL,
        event TEXT NOT NULL)",
};

/// Events of one page at most.
const MOST_A_PAGE: u32 = 1000;

/// Tells an event when the transaction commits. Within the transaction it is not to be read yet.
///
/// # Errors
/// None at present; the signature leaves room for an outbox that can refuse.
pub async fn append(tx: &mut Tx, event: &Event) -> Result<()> {
    tx.events.push(event.clone());
    Ok(())
}

/// The events after a cursor, oldest first. The empty cursor is the beginning.
///
/// # Errors
/// Business `malformed_cursor`.
pub async fn page(tx: &mut Tx, after: &str, limit: u32) -> Result<EventPage> {
    let from: i64 = match after {
        "" => 0,
        text => text.parse().map_err(|_| malformed(text))?,
    };
    let sql = "SELECT sequence, event FROM outbox WHERE sequence > $1 ORDER BY sequence LIMIT $2";
    let rows = tx.all(sql, args![from, limit.clamp(1, MOST_A_PAGE)]).await?;
    let last = rows.last().map(|row| row.int("sequence")).transpose()?;
    Ok(EventPage {
        events: rows.iter().map(|row| row.json("event")).collect::<Result<_>>()?,
        next_cursor: last.map_or_else(|| after.to_owned(), |sequence| sequence.to_string()),
    })
}

/// The cursor behind the newest event: where a reader begins who wants only what is still to come.
///
/// # Errors
/// Failures of the database.
pub async fn end(tx: &mut Tx) -> Result<String> {
    Ok(last(tx).await?.to_string())
}

/// Writes the events of a transaction that is about to commit.
pub(crate) async fn flush(tx: &mut Tx) -> Result<()> {
    let events = std::mem::take(&mut tx.events);
    if events.is_empty() {
        return Ok(());
    }
    tx.lock("outbox").await?;
    let before = last(tx).await?;
    let rows = events
        .iter()
        .zip(before + 1..)
        .map(|(event, sequence)| row(event, sequence));
    let rows = rows.collect::<Result<Vec<_>>>()?;
    let insert = "INSERT INTO outbox (sequence, event_id, kind, subject, time_ms, event)";
    tx.insert(insert, rows, "").await?;
    tx.told = true;
    Ok(())
}

async fn last(tx: &mut Tx) -> Result<i64> {
    let row = tx
        .one("SELECT COALESCE(MAX(sequence), 0) AS last FROM outbox", args![])
        .await?;
    row.map_or(Ok(0), |row| row.int("last"))
}

fn row(event: &Event, sequence: i64) -> Result<Vec<Value>> {
    let text = serde_json::to_string(event).map_err(|e| {
        Failure::fault("event_unwritable", "an event cannot be written as JSON").with_detail(e.to_string())
    })?;
    Ok(args![
        sequence,
        &event.id,
        &event.kind,
        &event.subject,
        event.time,
        text
    ])
}

fn malformed(cursor: &str) -> Failure {
    Failure::business(
        "malformed_cursor",
        format!("{cursor:?} is no cursor of this feed"),
    )
}
