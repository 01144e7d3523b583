//! The feed of changes: what was written since it was made, and what is as it was made, merged in the order of their
//! stamps. Tryton does not tell which records were deleted.

use canonical_model::{Change, Changes, Resource, Result};
use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::{Noun, Shelf, changed_at, fields};
use crate::client::{Rows, Search};
use crate::cursor::{Feed, Place};
use crate::wire::{Record, datetime};

/// One changed record.
struct Event {
    place: Place,
    /// It was written after it was made.
    written: bool,
    row: Record,
}

impl<N: Noun> Shelf<N> {
    pub(super) async fn feed(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<N::Record>> {
        let feed = Feed::parse(cursor)?;
        let limit = self.limit(Some(limit));
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let written = self.stream(true, feed.written.from(), limit).await?;
        let created = self.stream(false, feed.created.from(), limit).await?;
        // A page that is full may have another behind it.
        let more = (written.rows.len() >= most, created.rows.len() >= most);
        let now = written.now.or(created.now).unwrap_or_else(Utc::now);
        let mut events = events(written, true)?;
        events.extend(self::events(created, false)?);
        events.sort_by(|a, b| a.place.cmp(&b.place));
        let all = events.len();
        events.truncate(most);
        let cut = events.len() < all;
        let places = |written: bool| {
            let of = events.iter().filter(|event| event.written == written);
            of.map(|event| event.place.clone()).collect::<Vec<_>>()
        };
        let horizon = now - Duration::seconds(i64::from(self.0.shared().settings.limits.overlap_s));
        let next = Feed {
            written: feed.written.advanced(&places(true), horizon, more.0 || cut),
            created: feed.created.advanced(&places(false), horizon, more.1 || cut),
        };
        Ok(Changes {
            items: self.items(events).await?,
            next_cursor: next.text()?,
            more: more.0 || more.1 || cut,
        })
    }

    async fn stream(&self, written: bool, from: &Place, limit: u32) -> Result<Rows> {
        let stamp = if written { "write_date" } else { "create_date" };
        let time = datetime(from.time()?);
        let behind = json!([
            "OR",
            [[stamp, ">", time]],
            [[stamp, "=", time], ["id", ">", from.id]]
        ]);
        let mut domain = self.0.table().domain;
        domain.push(json!([
            "write_date",
            if written { "!=" } else { "=" },
            Value::Null
        ]));
        domain.push(behind);
        let fields = fields(&self.0);
        let search = Search {
            model: N::MODEL,
            domain,
            order: &[stamp, "id"],
            limit: Some(limit),
            fields: &fields,
        };
        self.0.shared().client.search_read(search).await
    }

    async fn items(&self, events: Vec<Event>) -> Result<Vec<Change<N::Record>>> {
        let rows: Vec<Record> = events.iter().map(|event| event.row.clone()).collect();
        let mapped = self.mapped(&rows).await?;
        let mut items = Vec::with_capacity(events.len());
        for (event, mapped) in events.into_iter().zip(mapped) {
            let id = event.place.id.to_string();
            let changed_at = changed_at(&event.row)?;
            let change = |record, failure| Change {
                id: id.clone(),
                changed_at,
                record,
                failure,
            };
            match mapped {
                Ok(Some(record)) => items.push(change(Some(record), None)),
                // Of another kind, seen closely.
                Ok(None) => {}
                Err(failure) => {
                    tracing::warn!(
                        connection = self.0.shared().connection,
                        collection = N::Record::PATH,
                        record.id = id,
                        code = failure.code,
                        "a changed record cannot be read"
                    );
                    items.push(change(None, Some(failure)));
                }
            }
        }
        Ok(items)
    }
}

fn events(rows: Rows, written: bool) -> Result<Vec<Event>> {
    let event = |row: Record| {
        let at: DateTime<Utc> = changed_at(&row)?;
        Ok(Event {
            place: Place::new(at, row.id()?),
            written,
            row,
        })
    };
    rows.rows.into_iter().map(event).collect()
}
