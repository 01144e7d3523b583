//! How an engine works.

use circuits::{CircuitSettings, Circuits};
use serde::Deserialize;

/// How an engine works. The defaults suit a process API that calls vendors over the internet.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineSettings {
    /// Instances worked on at once.
    pub workers: u32,
    /// How long a worker owns an instance without a sign of life.
    pub lease_ms: u64,
    /// How often to look for work that another process of the same database has made ready.
    pub poll_ms: u64,
    /// The longest that one try of a step may take.
    pub step_timeout_ms: u64,
    /// How transient failures are retried.
    pub retry: RetrySettings,
    /// When connections are paused.
    pub pauses: CircuitSettings,
}

/// How transient failures are retried: with pauses that double, within a budget of time.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrySettings {
    /// The first pause.
    pub first_ms: u64,
    /// The longest pause, unless the other side asks for a longer one.
    pub max_ms: u64,
    /// Time from the first failure of a step to its last try; then it waits for a person.
    pub budget_ms: u64,
}

impl EngineSettings {
    /// Circuits for the calls of a process API: for its clients of systems, and for its engine.
    #[must_use]
    pub fn circuits(&self) -> Circuits {
        Circuits::new(self.pauses.clone())
    }
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            workers: 32,
            lease_ms: 30_000,
            poll_ms: 500,
            step_timeout_ms: 900_000,
            retry: RetrySettings::default(),
            pauses: CircuitSettings::default(),
        }
    }
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            first_ms: 500,
            max_ms: 60_000,
            budget_ms: 3_600_000,
        }
    }
}
