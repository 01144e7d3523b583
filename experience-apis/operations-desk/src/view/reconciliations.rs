//! Reconciliations, figures, differences and certificates.

use askama::Template;
use canonical_model::{
    ComparedRecord, Difference, DifferenceCause, DifferenceState, IssuedCertificate, Money, ReconciledSum,
    Reconciliation, ReconciliationScope, ReconciliationState, ReconciliationTrigger,
};
use chrono::{DateTime, Utc};
use experience_look::shown_money;

use super::{Notice, at, nonce};

/// The list.
#[derive(Template)]
#[template(path = "reconciliations.html")]
pub struct Reconciliations<'a> {
    /// The newest first.
    pub reconciliations: &'a [Reconciliation],
    /// Where the next page is.
    pub next: Option<&'a str>,
    /// What was just refused.
    pub notice: Option<&'a Notice>,
    /// Token of the form, for who may ask for one.
    pub csrf: Option<&'a str>,
}

/// One with its figures and differences.
#[derive(Template)]
#[template(path = "reconciliation.html")]
pub struct OneReconciliation<'a> {
    /// It.
    pub one: &'a Reconciliation,
    /// What it found.
    pub differences: &'a [Difference],
    /// Where more differences are.
    pub next: Option<&'a str>,
}

/// A certificate.
#[derive(Template)]
#[template(path = "certificate.html")]
pub struct Certificate<'a> {
    /// It.
    pub issued: &'a IssuedCertificate,
}

fn state(state: ReconciliationState) -> (&'static str, &'static str) {
    match state {
        ReconciliationState::Queued => ("waits for its turn", ""),
        ReconciliationState::Running => ("compares", ""),
        ReconciliationState::Certified => ("no differences", "good"),
        ReconciliationState::Differs => ("differences", "bad"),
        ReconciliationState::WorkWaits => ("work is on its way", "warn"),
        ReconciliationState::Failed => ("failed", "bad"),
    }
}

fn trigger(trigger: ReconciliationTrigger) -> &'static str {
    match trigger {
        ReconciliationTrigger::Request => "asked for",
        ReconciliationTrigger::Timer => "by timer",
        ReconciliationTrigger::Resolved => "after the last difference was decided",
        ReconciliationTrigger::FeedGap => "because a feed was not read for too long",
    }
}

/// What is compared, in words.
fn range(scope: &ReconciliationScope) -> String {
    let days = scope
        .from
        .zip(scope.to)
        .map(|(from, to)| format!("{from} to {to}"));
    match (&scope.period, days) {
        (Some(period), Some(days)) => format!("{period} ({days})"),
        (Some(period), None) => period.clone(),
        (None, days) => days.unwrap_or_default(),
    }
}

/// What it is narrowed to.
fn narrowed(scope: &ReconciliationScope) -> String {
    let parts = [&scope.legal_entity, &scope.region, &scope.project_code];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    if parts.is_empty() {
        "everything".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Hours and value of a sum.
fn sum(sum: &ReconciledSum) -> String {
    let hours = format!("{} h", sum.minutes.hours());
    match sum.value {
        Some(value) => format!("{hours} · {}", money(Some(value))),
        None => hours,
    }
}

fn money(value: Option<Money>) -> String {
    shown_money(value.as_slice())
}

fn cause(cause: DifferenceCause) -> &'static str {
    match cause {
        DifferenceCause::DeletedInErp => "deleted in the ERP",
        DifferenceCause::ChangedInErp => "other time, day or value in the ERP",
        DifferenceCause::ChangedInPsa => "changed in the PSA after posting",
        DifferenceCause::NoLongerApproved => "no longer approved in the PSA",
        DifferenceCause::NeverQueued => "approved and never posted",
        DifferenceCause::PostedByOther => "posted by somebody else",
        DifferenceCause::PostedTwice => "posted twice",
    }
}

fn standing(found: &Difference) -> (&'static str, &'static str) {
    match found.state {
        DifferenceState::Open => ("open", "bad"),
        DifferenceState::Retrying => ("being looked at again", "warn"),
        DifferenceState::Accepted => ("accepted", ""),
        DifferenceState::Resolved => ("resolved", "good"),
    }
}

/// A record as one side has it, in a line.
fn side(record: Option<&ComparedRecord>) -> String {
    let Some(record) = record else {
        return "–".to_owned();
    };
    let value = record.value.map(|value| format!(" · {}", money(Some(value))));
    format!(
        "{} · {} · {} h{}",
        record.record,
        record.date,
        record.minutes.hours(),
        value.unwrap_or_default()
    )
}

impl Reconciliations<'_> {
    fn nonce(&self) -> String {
        nonce()
    }

    fn at(&self, time: &DateTime<Utc>) -> String {
        at(time)
    }

    fn state(&self, one: &Reconciliation) -> (&'static str, &'static str) {
        state(one.state)
    }

    fn trigger(&self, one: &Reconciliation) -> &'static str {
        trigger(one.trigger)
    }

    fn range(&self, one: &Reconciliation) -> String {
        range(&one.scope)
    }

    fn narrowed(&self, one: &Reconciliation) -> String {
        narrowed(&one.scope)
    }
}

impl OneReconciliation<'_> {
    fn at(&self, time: &DateTime<Utc>) -> String {
        at(time)
    }

    fn state(&self) -> (&'static str, &'static str) {
        state(self.one.state)
    }

    fn trigger(&self) -> &'static str {
        trigger(self.one.trigger)
    }

    fn range(&self) -> String {
        range(&self.one.scope)
    }

    fn narrowed(&self) -> String {
        narrowed(&self.one.scope)
    }

    fn sum(&self, of: &ReconciledSum) -> String {
        sum(of)
    }

    fn money(&self, value: &Option<Money>) -> String {
        money(*value)
    }

    fn cause(&self, found: &Difference) -> &'static str {
        cause(found.cause)
    }

    fn standing(&self, found: &Difference) -> (&'static str, &'static str) {
        standing(found)
    }

    fn side(&self, record: &Option<ComparedRecord>) -> String {
        side(record.as_ref())
    }
}

impl Certificate<'_> {
    fn at(&self, time: &DateTime<Utc>) -> String {
        at(time)
    }

    fn range(&self) -> String {
        range(&self.issued.certificate.scope)
    }

    fn narrowed(&self) -> String {
        narrowed(&self.issued.certificate.scope)
    }

    fn sum(&self, of: &ReconciledSum) -> String {
        sum(of)
    }

    fn cause(&self, found: &Difference) -> &'static str {
        cause(found.cause)
    }

    fn money(&self, value: &Option<Money>) -> String {
        money(*value)
    }
}
