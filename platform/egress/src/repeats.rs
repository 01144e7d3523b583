//! How many reads a client may send again: a share of its calls, so that a system that is down is not asked thrice as often.

use std::sync::atomic::{AtomicU32, Ordering};

/// Calls that earn one repeat.
const CALLS_A_REPEAT: u32 = 10;
/// Repeats that can be saved up. A client begins with as many.
const MOST_SAVED: u32 = 10;

/// Repeats that are left, in parts of which each call earns one.
pub(crate) struct Repeats(AtomicU32);

impl Default for Repeats {
    fn default() -> Self {
        Self(AtomicU32::new(MOST_SAVED * CALLS_A_REPEAT))
    }
}

impl Repeats {
    /// A call is made.
    pub(crate) fn earn(&self) {
        let more = |saved: u32| Some((saved + 1).min(MOST_SAVED * CALLS_A_REPEAT));
        // Never refused.
        let _saved = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// Whether a repeat is left; it is used up by asking.
    pub(crate) fn spend(&self) -> bool {
        let less = |saved: u32| saved.checked_sub(CALLS_A_REPEAT);
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less)
            .is_ok()
    }
}
