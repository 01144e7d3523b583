//! A list of exceptions.

use askama::Template;
use canonical_model::{ExceptionRecord, ExceptionState, Money};
use chrono::{DateTime, Utc};
use experience_look::{shown_money, shown_word};

use super::{Clock, is_closed, state_word};

/// States with their words in JSON, as a select offers them.
const STATES: [(ExceptionState, &str); 5] = [
    (ExceptionState::Open, "open"),
    (ExceptionState::Assigned, "assigned"),
    (ExceptionState::Retrying, "retrying"),
    (ExceptionState::Resolved, "resolved"),
    (ExceptionState::Skipped, "skipped"),
];

/// What the list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Narrowed {
    /// State.
    pub state: Option<ExceptionState>,
    /// Code of the cause.
    pub code: Option<String>,
    /// Subject of the cause.
    pub subject: Option<String>,
    /// Role that resolves it.
    pub owner_role: Option<String>,
    /// Legal entity.
    pub legal_entity: Option<String>,
    /// Region.
    pub region: Option<String>,
}

/// The exceptions of one cause, or all of them.
#[derive(Template)]
#[template(path = "exceptions.html")]
pub struct Exceptions<'a> {
    /// The exceptions.
    pub exceptions: &'a [ExceptionRecord],
    /// What the list is narrowed to.
    pub narrowed: &'a Narrowed,
    /// Where the next page is.
    pub next: Option<&'a str>,
    /// Now, for clocks.
    pub now: DateTime<Utc>,
}

impl Exceptions<'_> {
    fn states(&self) -> Vec<(&'static str, &'static str, bool)> {
        STATES
            .iter()
            .map(|(state, word)| (*word, state_word(*state), self.narrowed.state == Some(*state)))
            .collect()
    }

    fn text<'t>(&self, value: &'t Option<String>) -> &'t str {
        value.as_deref().unwrap_or_default()
    }

    fn money(&self, money: &Option<Money>) -> String {
        shown_money(money.as_slice())
    }

    fn word(&self, name: &str) -> String {
        shown_word(name)
    }

    /// The clock runs until the exception is closed.
    fn clock(&self, exception: &ExceptionRecord) -> Option<Clock> {
        (!is_closed(exception.state)).then(|| Clock::of(exception.due_at, self.now))
    }

    fn state(&self, state: &ExceptionState) -> &'static str {
        state_word(*state)
    }
}
