//! Changes by polling `SystemModstamp`, deletions included.
//!
//! A cursor is a stamp, or a stamp with the id of the last record that was given: many records can share a stamp, and a
//! page may end among them. Commits become visible later than they are stamped, so each reading that has reached the
//! end goes on a little before the instant at which it was asked. Changes within that overlap come again.

use std::str::FromStr;

use canonical_model::{Change, Changes, Failure, Result};
use chrono::{DateTime, Duration, Utc};

use super::{Noun, Records};
use crate::client::Seen;
use crate::soql;
use crate::wire::Record;

/// Where a reading of changes goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Cursor {
    /// At this stamp, included.
    From(DateTime<Utc>),
    /// Behind this record.
    Behind(DateTime<Utc>, String),
}

impl Cursor {
    fn condition(&self) -> String {
        match self {
            Self::From(at) => format!("SystemModstamp >= {}", soql::instant(*at)),
            Self::Behind(at, id) => {
                let (at, id) = (soql::instant(*at), soql::text(id));
                format!("(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > {id}))")
            }
        }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::From(at) => write!(f, "{}", at.timestamp_millis()),
            Self::Behind(at, id) => write!(f, "{}-{id}", at.timestamp_millis()),
        }
    }
}

impl FromStr for Cursor {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let (at, id) = text
            .split_once('-')
            .map_or((text, None), |(at, id)| (at, Some(id)));
        let at = at.parse().ok().and_then(DateTime::from_timestamp_millis);
        match (at, id) {
            (Some(at), None) => Ok(Self::From(at)),
            (Some(at), Some(id)) if soql::is_id(id) => Ok(Self::Behind(at, id.to_owned())),
            _ => Err(Failure::business(
                "invalid_cursor",
                format!("{text:?} is no cursor of these changes"),
            )),
        }
    }
}

impl<T: Noun> Records<T> {
    pub(super) async fn changes_since(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<T>> {
        let cursor = cursor.map(str::parse::<Cursor>).transpose()?;
        let conditions = cursor.iter().map(Cursor::condition).collect();
        let mut select = self.select(conditions, &["IsDeleted"]);
        select.order = "SystemModstamp, Id";
        select.limit = Some(limit);
        let found = self
            .fetch(&select, Seen::Deleted, &format!("reading changes of {}", T::PATH))
            .await?;
        let items = found
            .records
            .iter()
            .map(|record| self.change(record))
            .collect::<Result<Vec<_>>>()?;
        let full = u32::try_from(items.len()).is_ok_and(|count| count >= limit);
        let next = match items.last() {
            Some(last) if full => Cursor::Behind(last.changed_at, last.id.clone()),
            last => self.at_the_end(cursor, found.asked_at, last.map(|change| change.changed_at)),
        };
        Ok(Changes {
            items,
            next_cursor: next.to_string(),
            more: full,
        })
    }

    /// Goes on the overlap before the org's own clock, or before the newest change where no answer told the time.
    fn at_the_end(
        &self,
        cursor: Option<Cursor>,
        asked_at: Option<DateTime<Utc>>,
        newest: Option<DateTime<Utc>>,
    ) -> Cursor {
        let overlap = Duration::seconds(self.client().limits.changes_overlap_s.into());
        match (asked_at.or(newest), cursor) {
            (Some(at), _) => Cursor::From(at - overlap),
            (None, Some(cursor)) => cursor,
            (None, None) => Cursor::From(DateTime::UNIX_EPOCH),
        }
    }

    /// One change. A record that cannot be read is a change with a failure: those behind it are not to wait for it.
    fn change(&self, record: &Record) -> Result<Change<T>> {
        let (id, changed_at) = (record.id()?, record.instant("SystemModstamp")?);
        if record.flag("IsDeleted")? {
            return Ok(Change {
                id,
                changed_at,
                record: None,
                failure: None,
            });
        }
        Ok(match self.to_sourced(record) {
            Ok(record) => Change {
                id,
                changed_at,
                record: Some(record),
                failure: None,
            },
            Err(failure) => Change {
                id,
                changed_at,
                record: None,
                failure: Some(failure),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        for text in ["1764000000123", "1764000000123-001000000000001AAA"] {
            assert_eq!(text.parse::<Cursor>().unwrap().to_string(), text);
        }
        assert_eq!(
            "1764000000123-' OR Id".parse::<Cursor>().unwrap_err().code,
            "invalid_cursor"
        );
        let behind: Cursor = "1764000000123-001000000000001AAA".parse().unwrap();
        assert_eq!(
            behind.condition(),
            "(SystemModstamp > 2025-11-24T16:00:00.123Z OR \
             (SystemModstamp = 2025-11-24T16:00:00.123Z AND Id > '001000000000001AAA'))"
        );
    }
}
