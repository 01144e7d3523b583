//! Where a reader is: in a listing by creation, in the feed of changes by change, in the vendor's events.
//!
//! Kantata shows stamps to the second, so that many records share one; the id decides between them. A change becomes
//! visible later than its stamp. The feed hands out young changes at once but does not move its safe point past them:
//! until they are older than the overlap they come again. Within one run of pages it goes on behind the last one.

use std::cmp::Ordering;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use canonical_model::{Failure, Result};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A record's place in an order of stamps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Seconds since 1970; 0 where the order is by id alone.
    pub(crate) at: i64,
    pub(crate) id: String,
}

impl Place {
    pub(crate) fn new(at: DateTime<Utc>, id: impl Into<String>) -> Self {
        Self {
            at: at.timestamp(),
            id: id.into(),
        }
    }

    /// A second earlier, as the vendor's filters by time take it: they leave out the instant that is given.
    pub(crate) fn before(&self) -> Option<String> {
        let at = DateTime::from_timestamp(self.at - 1, 0).filter(|_| self.at > 0)?;
        Some(at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

impl Ord for Place {
    /// Ids are numbers of any length.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |place: &Self| (place.at, place.id.len());
        key(self).cmp(&key(other)).then_with(|| self.id.cmp(&other.id))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.at, self.id)
    }
}

impl FromStr for Place {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('-');
        let place = parts.and_then(|(at, id)| {
            let id = Some(id).filter(|id| is_id(id))?;
            Some(Self {
                at: at.parse().ok()?,
                id: id.to_owned(),
            })
        });
        place.ok_or_else(|| bad(text))
    }
}

/// Whether a text can be an id of Kantata's.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn bad(text: &str) -> Failure {
    let text: String = text.chars().take(60).collect();
    Failure::business(
        "invalid_cursor",
        format!("{text:?} is no cursor of this collection"),
    )
}

/// How far one stream was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Track {
    safe: Place,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ahead: Option<Place>,
}

impl Track {
    /// From an instant on.
    pub(crate) fn starting(at: DateTime<Utc>) -> Self {
        Self {
            safe: Place::new(at, ""),
            ahead: None,
        }
    }

    /// Where to read on.
    pub(crate) fn from(&self) -> &Place {
        self.ahead.as_ref().unwrap_or(&self.safe)
    }

    /// After what is at `places`, in order, was handed out. Nothing new appears before `horizon`; `more` says that more
    /// is ready.
    pub(crate) fn advanced(&self, places: &[Place], horizon: DateTime<Utc>, more: bool) -> Self {
        let horizon = horizon.timestamp();
        let settled = places.iter().rev().find(|place| place.at < horizon);
        let safe = settled.unwrap_or(&self.safe).max(&self.safe).clone();
        let ahead = places.last().or(self.ahead.as_ref()).filter(|_| more).cloned();
        Self { safe, ahead }
    }
}

/// The cursor of a change feed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feed {
    /// Changed records.
    pub(crate) changed: Track,
    /// The vendor's events; absent before the first reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<Track>,
}

impl Feed {
    pub(crate) fn parse(text: Option<&str>) -> Result<Self> {
        let Some(text) = text else {
            return Ok(Self::default());
        };
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| bad(text))
    }

    pub(crate) fn text(&self) -> Result<String> {
        let bytes = serde_json::to_vec(self).map_err(|error| {
            Failure::fault("unencodable_cursor", "a cursor cannot be written").with_detail(error.to_string())
        })?;
        Ok(URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(at: i64, id: &str) -> Place {
        Place {
            at,
            id: id.to_owned(),
        }
    }

    #[test]
    fn ids_of_one_second_are_in_the_order_of_their_numbers() {
        assert!(place(1, "99") < place(1, "100"));
        assert!(place(1, "100") < place(2, "9"));
        assert_eq!("5-77".parse::<Place>().unwrap(), place(5, "77"));
        assert_eq!("5-x".parse::<Place>().unwrap_err().code, "invalid_cursor");
    }

    #[test]
    fn young_changes_come_again_and_a_run_of_pages_ends() {
        let horizon = DateTime::from_timestamp(100, 0).unwrap();
        let first = Track::default().advanced(&[place(90, "1"), place(105, "2")], horizon, true);
        assert_eq!(first.from(), &place(105, "2"));
        let last = first.advanced(&[place(106, "3")], horizon, false);
        assert_eq!(last.from(), &place(90, "1"));
        let feed = Feed {
            changed: last,
            events: None,
        };
        assert_eq!(Feed::parse(Some(&feed.text().unwrap())).unwrap(), feed);
        assert_eq!(Feed::parse(Some("nonsense")).unwrap_err().code, "invalid_cursor");
    }
}
