//! What the desk shows, from what control and the process APIs say. Pure: records in, HTML out.

mod audit;
mod exceptions;
mod groups;
mod one;
mod processes;
mod reconciliations;

use canonical_model::ExceptionState;
use chrono::{DateTime, Utc};

pub use audit::Audit;
pub use exceptions::{Exceptions, Narrowed};
pub use groups::Groups;
pub use one::{MappingOffer, One};
pub use processes::{OneProcess, ProcessGroup, Processes};
pub use reconciliations::{Certificate, OneReconciliation, Reconciliations};

/// What was just done or refused, said once above a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub text: String,
    /// It was refused.
    pub refused: bool,
}

/// What a person may do and needs to do it in a form.
#[derive(Debug, Clone, Copy)]
pub struct Hand<'a> {
    /// May take and resolve exceptions.
    pub may_resolve: bool,
    /// May set mappings.
    pub may_map: bool,
    /// Token that forms send back.
    pub csrf: &'a str,
    /// The person as an assignee.
    pub person: &'a str,
}

/// A new name for what a form does: sent twice, it is done once.
fn nonce() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// An instant for people.
fn at(time: &DateTime<Utc>) -> String {
    format!("{} UTC", time.format("%Y-%m-%d %H:%M"))
}

fn state_word(state: ExceptionState) -> &'static str {
    match state {
        ExceptionState::Open => "open",
        ExceptionState::Assigned => "assigned",
        ExceptionState::Retrying => "being tried again",
        ExceptionState::Resolved => "resolved",
        ExceptionState::Skipped => "skipped",
    }
}

fn is_closed(state: ExceptionState) -> bool {
    matches!(state, ExceptionState::Resolved | ExceptionState::Skipped)
}

/// How long is left, in words and as a colour that the words do not need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clock {
    /// Such as `3 h left` or `2 d late`.
    pub words: String,
    /// `good`, `warn` or `bad`.
    pub tone: &'static str,
}

impl Clock {
    fn of(due: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        let left = due - now;
        let late = left < chrono::Duration::zero();
        let span = left.abs();
        let amount = match (span.num_days(), span.num_hours(), span.num_minutes()) {
            (days, _, _) if days > 1 => format!("{days} d"),
            (_, hours, _) if hours > 1 => format!("{hours} h"),
            (_, _, minutes) => format!("{minutes} min"),
        };
        let tone = match (late, left.num_hours()) {
            (true, _) => "bad",
            (false, hours) if hours < 4 => "warn",
            _ => "good",
        };
        Self {
            words: if late {
                format!("{amount} late")
            } else {
                format!("{amount} left")
            },
            tone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_clock_says_how_long_is_left_and_since_when_it_is_late() {
        let now = at("2026-11-10T12:00:00Z");
        let told = |due: &str| Clock::of(at(due), now);
        assert_eq!(
            told("2026-11-10T15:30:00Z"),
            Clock {
                words: "3 h left".to_owned(),
                tone: "warn"
            }
        );
        assert_eq!(
            told("2026-11-13T12:00:00Z"),
            Clock {
                words: "3 d left".to_owned(),
                tone: "good"
            }
        );
        assert_eq!(
            told("2026-11-10T11:48:00Z"),
            Clock {
                words: "12 min late".to_owned(),
                tone: "bad"
            }
        );
    }
}
