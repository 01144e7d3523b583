//! What the desk shows, from what control says. Pure: records in, HTML out.

use askama::Template;
use canonical_model::{AuditEntry, ExceptionGroup, ExceptionRecord, ExceptionState, Money};
use chrono::{DateTime, Utc};
use experience_look::shown_money;

/// The start page: groups of exceptions by cause.
#[derive(Template)]
#[template(path = "groups.html")]
pub struct Groups<'a> {
    /// The groups, the most urgent first.
    pub groups: &'a [ExceptionGroup],
    /// Now, for clocks.
    pub now: DateTime<Utc>,
    /// What was just done, to be said once.
    pub notice: Option<&'a str>,
    /// The reader may try a group again.
    pub may_retry: bool,
    /// Token that forms send back.
    pub csrf: &'a str,
}

/// One group's exceptions, or all of them.
#[derive(Template)]
#[template(path = "exceptions.html")]
pub struct Exceptions<'a> {
    /// The exceptions.
    pub exceptions: &'a [ExceptionRecord],
    /// Now, for clocks.
    pub now: DateTime<Utc>,
}

/// One exception with everything needed to decide.
#[derive(Template)]
#[template(path = "exception.html")]
pub struct One<'a> {
    /// The exception.
    pub exception: &'a ExceptionRecord,
    /// Now, for the clock.
    pub now: DateTime<Utc>,
    /// The reader may resolve it.
    pub may_resolve: bool,
    /// What was just refused or done.
    pub notice: Option<&'a str>,
    /// Token that forms send back.
    pub csrf: &'a str,
}

/// The audit log, newest first.
#[derive(Template)]
#[template(path = "audit.html")]
pub struct Audit<'a> {
    /// The lines.
    pub entries: &'a [AuditEntry],
}

impl Groups<'_> {
    fn money(&self, money: &[Money]) -> String {
        shown_money(money)
    }

    fn clock(&self, due: &DateTime<Utc>) -> Clock {
        Clock::of(*due, self.now)
    }

    fn key(&self, group: &ExceptionGroup) -> String {
        let query = [
            ("code", group.cause.code.as_str()),
            ("subject", group.cause.subject.as_str()),
        ];
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish()
    }
}

impl Exceptions<'_> {
    fn money(&self, money: &Option<Money>) -> String {
        shown_money(money.as_slice())
    }

    fn clock(&self, due: &DateTime<Utc>) -> Clock {
        Clock::of(*due, self.now)
    }

    fn state(&self, state: &ExceptionState) -> &'static str {
        state_word(*state)
    }
}

impl One<'_> {
    fn money(&self) -> String {
        shown_money(self.exception.money_at_risk.as_slice())
    }

    fn clock(&self) -> Clock {
        Clock::of(self.exception.due_at, self.now)
    }

    fn state(&self) -> &'static str {
        state_word(self.exception.state)
    }

    fn is_open(&self) -> bool {
        !matches!(
            self.exception.state,
            ExceptionState::Resolved | ExceptionState::Skipped
        )
    }
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
    use canonical_model::{CanonicalId, Currency, ExceptionCause, Failure};
    use rust_decimal::dec;

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

    #[test]
    fn an_exception_page_shows_what_happened_and_offers_what_the_reader_may_do() {
        let exception = ExceptionRecord {
            id: CanonicalId::generate(),
            process: "time-posting".to_owned(),
            instance_id: CanonicalId::generate(),
            step: "validate".to_owned(),
            business_key: "time_entry psa/main 4711 #1".to_owned(),
            title: "Anna Keller, 3 November, 7:30".to_owned(),
            failure: Failure::business(
                "role_not_mapped",
                "role <117> has no counterpart in the ERP; map it and retry the group",
            ),
            cause: ExceptionCause {
                code: "role_not_mapped".to_owned(),
                subject: "role:psa/main:117".to_owned(),
            },
            owner_role: "data-steward".to_owned(),
            assignee: None,
            money_at_risk: Some(Money::new(dec!(1125), Currency::EUR)),
            legal_entity: Some("de".to_owned()),
            region: None,
            state: ExceptionState::Open,
            opened_at: at("2026-11-10T10:00:00Z"),
            due_at: at("2026-11-11T10:00:00Z"),
            closed_at: None,
            resolution: None,
            correlation_id: "c-1".to_owned(),
        };
        let page = |may_resolve| {
            let now = at("2026-11-10T12:00:00Z");
            One {
                exception: &exception,
                now,
                may_resolve,
                notice: None,
                csrf: "token",
            }
            .render()
            .unwrap()
        };
        let for_reader = page(false);
        assert!(
            for_reader.contains("role &#60;117&#62; has no counterpart"),
            "{for_reader}"
        );
        assert!(
            for_reader.contains("1,125.00 EUR") && for_reader.contains("22 h left"),
            "{for_reader}"
        );
        assert!(!for_reader.contains("<form"), "{for_reader}");
        assert!(page(true).contains(r#"name="csrf" value="token""#));
    }
}
