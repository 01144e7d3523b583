//! What went wrong, for the person who meets it and for the engine that decides what happens next.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A result whose error is a [`Failure`].
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// What can be done about a failure. Decided once, where it is met, and carried unchanged from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Could succeed unchanged later: time-out, over a limit, record locked, maintenance.
    Transient,
    /// Refused by a rule, ours or theirs: a person or a declared branch decides.
    Business,
    /// Our bug, a broken contract or a wrong configuration: parked, never retried by itself.
    Fault,
}

/// Whether a failed write may have happened all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Certainly nothing was written.
    NotApplied,
    /// The answer leaves doubt: look the effect up by its key before anything is sent again.
    Unknown,
}

/// A failure as it travels through every layer, and in problem+json to callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    /// What can be done about it.
    pub class: FailureClass,
    /// Stable name from the error catalogue, such as `period_closed`.
    pub code: String,
    /// Safe to show: what happened, to which record, what to do.
    pub message: String,
    /// Where it was met: a connection (`erp/main`) or an API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Whether a write may have happened.
    pub outcome: Outcome,
    /// The other side asked not to be called for so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// For the log only; never leaves the process.
    #[serde(skip)]
    pub detail: Option<String>,
}

impl Failure {
    fn new(class: FailureClass, code: &str, message: impl Into<String>) -> Self {
        Self {
            class,
            code: code.to_owned(),
            message: message.into(),
            source: None,
            outcome: Outcome::NotApplied,
            retry_after_ms: None,
            detail: None,
        }
    }

    /// A failure that could succeed unchanged later; nothing was applied.
    #[must_use]
    pub fn transient(code: &str, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Transient, code, message)
    }

    /// A refusal by rule; nothing was applied.
    #[must_use]
    pub fn business(code: &str, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Business, code, message)
    }

    /// A bug, a broken contract or a wrong configuration; nothing was applied.
    #[must_use]
    pub fn fault(code: &str, message: impl Into<String>) -> Self {
        Self::new(FailureClass::Fault, code, message)
    }

    /// The same failure, of which nobody knows whether the write happened.
    #[must_use]
    pub fn outcome_unknown(mut self) -> Self {
        self.outcome = Outcome::Unknown;
        self
    }

    /// The same failure, met at `source`.
    #[must_use]
    pub fn at(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same failure with something for the log.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same failure, not to be tried again for so long.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// Whether a write may have happened although it failed.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.outcome == Outcome::Unknown
    }

    /// Whether the same request could succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        self.class == FailureClass::Transient
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)
    }
}

impl std::error::Error for Failure {}
