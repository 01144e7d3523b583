//! When a connection is paused, and for how long.

use serde::Deserialize;

/// When a connection is paused, and for how long.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CircuitSettings {
    /// Failures in a row after which a connection is paused. One is enough where the system asks to be left alone.
    pub failures: u32,
    /// The first pause. It doubles with each probe that fails.
    pub first_pause_ms: u64,
    /// The longest pause, unless the system asks for a longer one: how late it may be noticed that it is back.
    pub longest_pause_ms: u64,
    /// The longest pause that a system's own wish is granted.
    pub longest_wish_ms: u64,
    /// A connection that has not answered a call for so long is slow: only a share of the workers may wait for it.
    pub slow_ms: u64,
}

impl Default for CircuitSettings {
    fn default() -> Self {
        Self {
            failures: 3,
            first_pause_ms: 1_000,
            longest_pause_ms: 30_000,
            longest_wish_ms: 3_600_000,
            slow_ms: 3_000,
        }
    }
}
