//! What changes of the PSA mean as news, and when a sweep is due.

use canonical_model::{ApprovalState, Change, Expense, Resource, Result, SourceKind, Sourced, TimeEntry};
use chrono::{DateTime, Utc};
use persistence::{Database, Tx, cursors};

use crate::line::{expense_work, time_work};
use crate::news::{Arrival, News};
use crate::store;

/// A kind of record that is posted.
pub trait Source: Resource {
    /// What its lines are of.
    const KIND: SourceKind;

    /// What a record says now.
    fn news(record: &Sourced<Self>) -> News;
}

impl Source for TimeEntry {
    const KIND: SourceKind = SourceKind::TimeEntry;

    fn news(record: &Sourced<Self>) -> News {
        match record.data.approval {
            ApprovalState::Approved => News::Approved(Box::new(time_work(record))),
            _ => News::NotApproved,
        }
    }
}

impl Source for Expense {
    const KIND: SourceKind = SourceKind::Expense;

    fn news(record: &Sourced<Self>) -> News {
        match record.data.approval {
            ApprovalState::Approved => News::Approved(Box::new(expense_work(record))),
            _ => News::NotApproved,
        }
    }
}

/// What a change says.
#[must_use]
pub fn arrival<T: Source>(change: Change<T>) -> Arrival {
    let news = match (&change.record, change.failure) {
        (_, Some(failure)) => News::Unreadable(failure),
        (Some(record), None) => T::news(record),
        (None, None) => News::Deleted,
    };
    Arrival {
        source_id: change.id,
        changed_at: change.changed_at,
        news,
    }
}

/// Takes in a page of changes.
///
/// # Errors
/// Failures of the database; Transient `line_moved`.
pub async fn take_page<T: Source>(tx: &mut Tx, connection: &str, changes: Vec<Change<T>>) -> Result<()> {
    let arrivals = changes.into_iter().map(arrival::<T>).collect();
    take(tx, connection, T::KIND, arrivals).await
}

/// Takes in what the PSA says about sources of one kind.
pub(crate) async fn take(
    tx: &mut Tx,
    connection: &str,
    kind: SourceKind,
    arrivals: Vec<Arrival>,
) -> Result<()> {
    let taken = store::intake::take_in(tx, connection, kind, arrivals, canonical_model::clock::now()).await?;
    if taken != store::intake::Taken::default() {
        tracing::info!(
            connection,
            kind = store::kind_word(kind),
            queued = taken.queued,
            withdrawn = taken.withdrawn,
            changed_after_posting = taken.remembered,
            unreadable = taken.unreadable,
            "took in changes of the PSA"
        );
    }
    Ok(())
}

/// When a kind was last swept.
fn swept(connection: &str, kind: SourceKind) -> String {
    format!("sweep {connection} {}", store::kind_word(kind))
}

/// When the next sweep of a kind is due.
///
/// # Errors
/// Failures of the database.
pub async fn next_sweep(
    db: &Database,
    connection: &str,
    kind: SourceKind,
    interval_hours: u32,
) -> Result<Option<DateTime<Utc>>> {
    let name = swept(connection, kind);
    let last = db
        .read(move |tx| Box::pin(async move { cursors::get(tx, &name).await }))
        .await?;
    let last = last.and_then(|text| text.parse::<DateTime<Utc>>().ok());
    Ok(last.map(|last| last + chrono::TimeDelta::hours(interval_hours.into())))
}

/// Notes when a kind was swept.
///
/// # Errors
/// Failures of the database.
pub async fn note_sweep(db: &Database, connection: &str, kind: SourceKind, at: DateTime<Utc>) -> Result<()> {
    let name = swept(connection, kind);
    db.write(move |tx| Box::pin(async move { cursors::set(tx, &name, &at.to_rfc3339()).await }))
        .await
}
