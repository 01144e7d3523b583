//! Where a reader is: in a listing by id, in the feed of changes by time and id.
//!
//! NetSuite stamps changes to the second, and a change becomes visible when its transaction commits, which may be later
//! than its stamp. The feed therefore hands out young changes at once but does not move its safe point past them: until
//! they are older than the overlap they come again. Within one run of pages the reader goes on behind the last row.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use canonical_model::{Failure, Result};
use serde::{Deserialize, Serialize};

/// A row's place in the order of changes: NetSuite's own stamp, which sorts as text, and the id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Place {
    /// `YYYY-MM-DD HH:MM:SS` in the time zone of the integration user.
    pub(crate) stamp: String,
    /// Internal id.
    pub(crate) id: i64,
}

impl Place {
    /// Before everything.
    pub(crate) fn start() -> Self {
        Self {
            stamp: "1970-01-01 00:00:00".to_owned(),
            id: 0,
        }
    }
}

/// How far one stream (changes, or deletions) was read.
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
            safe: Place::start(),
            ahead: None,
        }
    }

    /// Where to read on.
    pub(crate) fn from(&self) -> &Place {
        self.ahead.as_ref().unwrap_or(&self.safe)
    }

    /// After the rows at `places`, in order, have been handed out. `horizon` is the stamp before which nothing new can
    /// appear; `more` says that further rows are ready.
    pub(crate) fn advanced(&self, places: &[Place], horizon: &str, more: bool) -> Self {
        let settled = places.iter().rev().find(|place| place.stamp.as_str() < horizon);
        let safe = settled
            .cloned()
            .unwrap_or_else(|| self.safe.clone())
            .max(self.safe.clone());
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
    /// Changes.
    pub(crate) changed: Track,
    /// Deletions.
    pub(crate) deleted: Track,
}

impl Feed {
    /// From the text that a caller gives back.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self {
                changed: Track::start(),
                deleted: Track::start(),
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

/// Where a listing is: behind record `id`, or within its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Internal id.
    pub(crate) id: i64,
    /// The last line of that record that was handed out, when lines are records of their own.
    pub(crate) line: Option<u32>,
}

impl Listing {
    /// From the text that a caller gives back.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self {
                id: i64::MIN,
                line: None,
            });
        };
        let (id, line) = split_id(text);
        let line = line
            .map(str::parse::<u32>)
            .transpose()
            .map_err(|_| bad_cursor())?;
        Ok(Self {
            id: id.parse().map_err(|_| bad_cursor())?,
            line,
        })
    }
}

/// The parts of an id of a line, such as `5012-1`. Built-in records have negative ids, so a leading dash is a sign.
pub(crate) fn split_id(id: &str) -> (&str, Option<&str>) {
    match id.rsplit_once('-') {
        Some((record, line)) if !record.is_empty() => (record, Some(line)),
        _ => (id, None),
    }
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

    fn place(second: u32, id: i64) -> Place {
        Place {
            stamp: format!("2026-11-24 10:00:{second:02}"),
            id,
        }
    }

    #[test]
    fn young_changes_come_again_and_old_ones_do_not() {
        let rows = [place(1, 7), place(2, 3), place(9, 5)];
        let track = Track::start().advanced(&rows, "2026-11-24 10:00:05", false);
        assert_eq!(track.from(), &place(2, 3));
        let later = track.advanced(&rows[2..], "2026-11-24 10:00:20", false);
        assert_eq!(later.from(), &place(9, 5));
        assert_eq!(later.advanced(&[], "2026-11-24 10:00:30", false), later);
    }

    #[test]
    fn a_run_of_pages_goes_on_behind_its_last_row_even_when_all_are_young() {
        let start = Track::start();
        let first = start.advanced(&[place(8, 1), place(8, 2)], "2026-11-24 10:00:05", true);
        assert_eq!(first.from(), &place(8, 2));
        let second = first.advanced(&[place(8, 3)], "2026-11-24 10:00:05", false);
        assert_eq!(second.from(), start.from());
    }

    #[test]
    fn a_cursor_comes_back_as_it_was_and_a_foreign_one_is_refused() {
        let feed = Feed::parse(None).unwrap();
        assert_eq!(Feed::parse(Some(&feed.text().unwrap())).unwrap(), feed);
        assert_eq!(Feed::parse(Some("x")).unwrap_err().code, "malformed_cursor");
        assert_eq!(
            Listing::parse(Some("5012-1")).unwrap(),
            Listing {
                id: 5012,
                line: Some(1)
            }
        );
        assert_eq!(
            Listing::parse(Some("-1")).unwrap(),
            Listing { id: -1, line: None }
        );
    }
}
