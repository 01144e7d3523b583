//! What changes and listings of the PSA mean as news, and the sweep that lists again what a feed may have missed.

use canonical_model::{
    ApprovalState, Change, Expense, ListQuery, Resource, Result, SourceKind, Sourced, TimeEntry,
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use persistence::{Database, Tx, cursors};
use system_client::{Filter, Remote};

use crate::line::{expense_work, time_work};
use crate::news::{Arrival, News};
use crate::services::Services;
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

async fn take(tx: &mut Tx, connection: &str, kind: SourceKind, arrivals: Vec<Arrival>) -> Result<()> {
    let taken = store::intake::take_in(tx, connection, kind, arrivals, Utc::now()).await?;
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

/// Lists what was approved and is dated within so many days, and takes in what is not known yet.
///
/// # Errors
/// The PSA does not answer, or cannot list; failures of the database.
pub async fn sweep<T: Source>(
    services: &Services,
    connection: &str,
    days: u32,
    now: DateTime<Utc>,
) -> Result<()> {
    let remote = services.systems.collection::<T>(connection)?;
    let support = services.systems.support::<T>(connection).await?;
    let applies = |filter| {
        support
            .as_ref()
            .is_some_and(|support| support.filters.contains(&filter))
    };
    let from = now.date_naive().checked_sub_days(Days::new(days.into()));
    let mut query = ListQuery {
        limit: Some(1000),
        state: applies(Filter::State).then(|| "approved".to_owned()),
        date_from: from.filter(|_| applies(Filter::Date)),
        ..ListQuery::default()
    };
    loop {
        let (arrivals, next) = listed(&remote, &query, from).await?;
        let place = connection.to_owned();
        services
            .db
            .write(move |tx| Box::pin(async move { take(tx, &place, T::KIND, arrivals).await }))
            .await?;
        services.waiting.notify_one();
        match next {
            Some(cursor) if Some(&cursor) != query.cursor.as_ref() => query.cursor = Some(cursor),
            _ => break,
        }
    }
    note_sweep(&services.db, connection, T::KIND, now).await
}

/// One page of approved records. A record that is not approved is the feed's business: a listing tells no order.
async fn listed<T: Source>(
    remote: &Remote<T>,
    query: &ListQuery,
    from: Option<NaiveDate>,
) -> Result<(Vec<Arrival>, Option<String>)> {
    let page = remote.list(query).await?;
    let approved = page.items.iter().filter_map(|record| match T::news(record) {
        News::Approved(work) if from.is_none_or(|from| work.date() >= from) => Some(Arrival {
            source_id: record.id.clone(),
            changed_at: record.changed_at,
            news: News::Approved(work),
        }),
        _ => None,
    });
    Ok((approved.collect(), page.next_cursor))
}
