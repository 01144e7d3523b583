//! The feed of changes: what was modified and what was deleted, merged in the order of their stamps.

use canonical_model::{Change, Changes, Failure, Resource, Result};
use chrono::{DateTime, Duration, Utc};

use super::{Noun, STAMP, Shelf};
use crate::client::Rows;
use crate::cursor::{Feed, Place};
use crate::wire::Record;

/// A stamp that is further in the future than any clock drift says that the time zone in the settings is wrong.
const DRIFT_MINUTES: i64 = 5;

/// One row of either stream.
struct Event {
    place: Place,
    /// The row of a change; a deletion has none.
    row: Option<Record>,
}

impl<N: Noun> Shelf<N> {
    pub(super) async fn feed(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<N::Record>> {
        let feed = Feed::parse(cursor)?;
        let limit = self.limit(Some(limit));
        let changed = self.changed(feed.changed.from(), limit).await?;
        let deleted = self.deleted(feed.deleted.from(), limit).await?;
        let now = changed
            .now
            .or(deleted.now)
            .unwrap_or_else(canonical_model::clock::now)
            + self.offset();
        let (more_changed, more_deleted) = (changed.more, deleted.more);
        let mut events = self::events(changed, true)?;
        events.extend(self::events(deleted, false)?);
        self.check_time_zone(&events, now)?;
        events.sort_by(|a, b| a.place.cmp(&b.place));
        let all = events.len();
        events.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        let cut = events.len() < all;
        let places = |deletions: bool| {
            let of = events.iter().filter(|event| event.row.is_none() == deletions);
            of.map(|event| event.place.clone()).collect::<Vec<_>>()
        };
        let horizon = stamp(now - Duration::seconds(i64::from(self.0.shared().settings.limits.overlap_s)));
        let next = Feed {
            changed: feed
                .changed
                .advanced(&places(false), &horizon, more_changed || cut),
            deleted: feed
                .deleted
                .advanced(&places(true), &horizon, more_deleted || cut),
        };
        Ok(Changes {
            items: self.items(events).await?,
            next_cursor: next.text()?,
            more: more_changed || more_deleted || cut,
        })
    }

    async fn changed(&self, from: &Place, limit: u32) -> Result<Rows> {
        let (_, changed) = self.names();
        let sql = format!("{} ORDER BY changed, id", self.select(&[behind(&changed, "id")]));
        self.0.shared().client.query(&sql, &params(from), limit).await
    }

    async fn deleted(&self, from: &Place, limit: u32) -> Result<Rows> {
        let sql = format!(
            "SELECT recordid AS id, TO_CHAR(deleteddate, '{STAMP}') AS changed FROM deletedrecord \
             WHERE scriptid = '{}' AND {} ORDER BY changed, id",
            N::OBJECT.to_lowercase(),
            behind("deleteddate", "recordid")
        );
        self.0.shared().client.query(&sql, &params(from), limit).await
    }

    async fn items(&self, events: Vec<Event>) -> Result<Vec<Change<N::Record>>> {
        let rows = events.iter().filter_map(|event| event.row.clone()).collect();
        let mut records: std::collections::BTreeMap<_, _> = self.records(rows).await?.into_iter().collect();
        let mut items = Vec::with_capacity(events.len());
        for event in events {
            let id = event.place.id.to_string();
            let changed_at = self
                .instant(&event.place.stamp)
                .unwrap_or_else(canonical_model::clock::now);
            let change = |id: String| Change {
                id,
                changed_at,
                record: None,
                failure: None,
            };
            match (event.row.is_some(), records.remove(&id)) {
                (false, _) => items.push(change(self.deleted_id(id))),
                (true, Some(Ok(sourced))) => items.extend(sourced.into_iter().map(|record| Change {
                    record: Some(record.clone()),
                    ..change(record.id)
                })),
                (true, Some(Err(failure))) => {
                    tracing::warn!(
                        connection = self.0.shared().connection,
                        collection = N::Record::PATH,
                        record.id = id,
                        code = failure.code,
                        "a changed record cannot be read"
                    );
                    items.push(Change {
                        failure: Some(failure),
                        ..change(id)
                    });
                }
                // Gone since the query: its deletion comes by itself.
                (true, None) => {}
            }
        }
        Ok(items)
    }

    /// Lines of a deleted record cannot be asked for; what we wrote has exactly one.
    fn deleted_id(&self, id: String) -> String {
        if N::BY_LINE { format!("{id}-1") } else { id }
    }

    fn check_time_zone(&self, events: &[Event], now: DateTime<Utc>) -> Result<()> {
        let latest = stamp(now + Duration::minutes(DRIFT_MINUTES));
        match events.iter().find(|event| event.place.stamp > latest) {
            None => Ok(()),
            Some(event) => {
                let message = format!(
                    "NetSuite says that record {} changed at {}, which is still to come: set utc_offset_minutes to the \
                     integration user's time zone",
                    event.place.id, event.place.stamp
                );
                Err(Failure::fault("time_zone_wrong", message))
            }
        }
    }
}

/// Rows behind a place in the order of stamp and id.
fn behind(changed: &str, id: &str) -> String {
    let text = format!("TO_CHAR({changed}, '{STAMP}')");
    format!("{changed} >= TO_TIMESTAMP(?, '{STAMP}') AND ({text} > ? OR ({text} = ? AND {id} > ?))")
}

fn params(from: &Place) -> [String; 4] {
    [
        from.stamp.clone(),
        from.stamp.clone(),
        from.stamp.clone(),
        from.id.to_string(),
    ]
}

fn stamp(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Rows as events; those of changes keep their row.
fn events(rows: Rows, keep: bool) -> Result<Vec<Event>> {
    let event = |row: Record| {
        let id = row.id()?.parse().map_err(|_| row.bad("id"))?;
        let stamp = row.text("changed").ok_or_else(|| row.bad("changed"))?;
        Ok(Event {
            place: Place { stamp, id },
            row: keep.then_some(row),
        })
    };
    rows.rows.into_iter().map(event).collect()
}
