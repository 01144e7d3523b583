//! Where a reader is: in a listing by id, in the feed of changes by time and id.
//!
//! Tryton stamps a record with the time at which its transaction began, and it becomes visible when the transaction
//! commits. The feed therefore hands out young changes at once but does not move its safe point past them: until they
//! are older than the overlap they come again. Within one run of pages the reader goes on behind the last row.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use canonical_model::{Failure, Result};
use chrono::{DateTime, NaiveDateTime, Utc};
use serde::{Deserialize, Serialize};

const STAMP: &str = "%Y-%m-%dT%H:%M:%S%.6f";

/// A record's place in the order of changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Stamp in UTC, to the microsecond; sorts as text.
    stamp: String,
    /// Database id.
    pub(crate) id: i64,
}

impl Place {
    /// The place of a record that was changed at this time.
    pub(crate) fn new(at: DateTime<Utc>, id: i64) -> Self {
        Self { stamp: stamp(at), id }
    }

    /// The stamp as a time.
    pub(crate) fn time(&self) -> Result<NaiveDateTime> {
        NaiveDateTime::parse_from_str(&self.stamp, STAMP).map_err(|_| bad_cursor())
    }
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format(STAMP).to_string()
}

/// How far one stream was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Track {
    /// Everything up to here has been handed out and is old enough not to change its place.
    safe: Place,
    /// Where the next page begins, in the middle of a run.
    ahead: Option<Place>,
}

impl Track {
    fn start() -> Self {
        Self {
            safe: Place::new(DateTime::UNIX_EPOCH, 0),
            ahead: None,
        }
    }

    /// Where to read on.
    pub(crate) fn from(&self) -> &Place {
        self.ahead.as_ref().unwrap_or(&self.safe)
    }

    /// After the rows at `places`, in order, have been handed out. Before `horizon` nothing new can appear; `more` says
    /// that further rows are ready.
    pub(crate) fn advanced(&self, places: &[Place], horizon: DateTime<Utc>, more: bool) -> Self {
        let horizon = stamp(horizon);
        let settled = places.iter().rev().find(|place| place.stamp < horizon);
        let safe = settled.unwrap_or(&self.safe).max(&self.safe).clone();
        let ahead = places
            .last()
            .cloned()
            .or_else(|| self.ahead.clone())
            .filter(|_| more);
        Self { safe, ahead }
    }
}

/// The cursor of a change feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feed {
    /// Records that were changed since they were made.
    pub(crate) written: Track,
    /// Records that are as they were made.
    pub(crate) created: Track,
}

impl Feed {
    /// From the text that a caller gives back.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self {
                written: Track::start(),
                created: Track::start(),
            });
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(bad_cursor)
    }

    /// As text.
    pub(crate) fn text(&self) -> Result<String> {
        let bytes = serde_json::to_vec(self).map_err(|error| {
            Failure::fault("unencodable_cursor", "a cursor cannot be written").with_detail(error.to_string())
        })?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The id behind which a listing goes on.
pub(crate) fn listing(cursor: Option<&str>) -> Result<i64> {
    cursor.map_or(Ok(0), |text| text.parse().map_err(|_| bad_cursor()))
}

fn bad_cursor() -> Failure {
    Failure::business(
        "malformed_cursor",
        "this cursor is not one that this connection gave out: start without one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u32) -> DateTime<Utc> {
        format!("2026-11-24T10:00:{second:02}Z").parse().unwrap()
    }

    #[test]
    fn young_changes_come_again_and_old_ones_do_not() {
        let rows = [Place::new(at(1), 7), Place::new(at(2), 3), Place::new(at(9), 5)];
        let track = Track::start().advanced(&rows, at(5), false);
        assert_eq!(track.from(), &rows[1]);
        let later = track.advanced(&rows[2..], at(20), false);
        assert_eq!(later.from(), &rows[2]);
        assert_eq!(later.advanced(&[], at(30), false), later);
    }

    #[test]
    fn a_run_of_pages_goes_on_behind_its_last_row_even_when_all_are_young() {
        let start = Track::start();
        let first = start.advanced(&[Place::new(at(8), 1), Place::new(at(8), 2)], at(5), true);
        assert_eq!(first.from(), &Place::new(at(8), 2));
        let second = first.advanced(&[Place::new(at(8), 3)], at(5), false);
        assert_eq!(second.from(), start.from());
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_and_a_foreign_one_is_refused() {
        let feed = Feed::parse(None).unwrap();
        assert_eq!(Feed::parse(Some(&feed.text().unwrap())).unwrap(), feed);
        assert_eq!(Feed::parse(Some("x")).unwrap_err().code, "malformed_cursor");
        assert_eq!(listing(Some("17")).unwrap(), 17);
        assert_eq!(listing(Some("x")).unwrap_err().code, "malformed_cursor");
        assert_eq!(
            feed.written.from().time().unwrap().and_utc(),
            DateTime::UNIX_EPOCH
        );
    }
}
