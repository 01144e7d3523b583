//! What everything in one seed shares: chance, the trace, what fired, what was violated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canonical_model::CanonicalId;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// Chance, trace and findings of one seed.
pub(crate) struct State {
    random: StdRng,
    /// Faults happen.
    pub(crate) faulty: bool,
    /// How many calls in ten thousand meet a fault.
    pub(crate) weather: u32,
    /// How often each point fired.
    pub(crate) fired: BTreeMap<String, u64>,
    pub(crate) violations: Vec<Violation>,
    /// Turns that are over.
    pub(crate) turns: u64,
    /// Tokens that were refused, by who refused them, and in which turn.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Business keys of reversals that a person left out: what is posted stands, whatever the PSA says.
    pub(crate) left_out: BTreeSet<String>,
    /// The instance that the worker whose turn it is holds.
    pub(crate) held: Option<CanonicalId>,
    /// Another worker has taken that instance over.
    pub(crate) usurped: bool,
    /// The engine came from where effects were answered: where none was, there is nothing to journal.
    pub(crate) answered: bool,
    /// Calls that are being answered.
    pub(crate) under_way: usize,
    trace: Sha256,
    lines: Option<Vec<String>>,
}

/// The state, shared within the thread of its seed.
#[derive(Clone)]
pub(crate) struct Shared {
    state: Arc<Mutex<State>>,
    /// Told when the process of the turn is killed.
    pub(crate) crash: Arc<Notify>,
}

impl Shared {
    pub(crate) fn new(seed: u64, keep_trace: bool) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        // A few seeds in calm weather, most in bad, some in a storm.
        let weather = match random.random_range(0..10) {
            0 => 0,
            1..=3 => 150,
            4..=7 => 500,
            _ => 1_200,
        };
        let state = State {
            random,
            faulty: false,
            weather,
            fired: BTreeMap::new(),
            violations: Vec::new(),
            turns: 0,
            refused: BTreeMap::new(),
            left_out: BTreeSet::new(),
            held: None,
            usurped: false,
            answered: false,
            under_way: 0,
            trace: Sha256::new(),
            lines: keep_trace.then(Vec::new),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            crash: Arc::new(Notify::new()),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn trace(&self, line: impl AsRef<str>) {
        self.lock().trace(line.as_ref());
    }

    pub(crate) fn violated(&self, invariant: &'static str, detail: impl Into<String>) {
        self.lock().violated(invariant, detail.into());
    }
}

impl State {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.random.random_range(0..end.max(1))
    }

    /// An index into something of so many.
    pub(crate) fn index(&mut self, of: usize) -> usize {
        self.random.random_range(0..of.max(1))
    }

    /// Whether something happens that happens so often in ten thousand.
    pub(crate) fn chance(&mut self, in_ten_thousand: u32) -> bool {
        self.below(10_000) < in_ten_thousand
    }

    /// Whether a person left out a reversal of this source.
    pub(crate) fn is_left_out(&self, source_id: &str) -> bool {
        let mut keys = self.left_out.iter();
        keys.any(|key| key.split(' ').any(|word| word == source_id))
    }

    /// A fault point fires.
    pub(crate) fn fire(&mut self, point: &str) {
        *self.fired.entry(point.to_owned()).or_default() += 1;
        self.trace(&format!("fault {point}"));
    }

    pub(crate) fn trace(&mut self, line: &str) {
        self.trace.update(line.as_bytes());
        self.trace.update(b"\n");
        if let Some(lines) = &mut self.lines {
            lines.push(line.to_owned());
        }
    }

    pub(crate) fn violated(&mut self, invariant: &'static str, detail: String) {
        let violation = Violation { invariant, detail };
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// What was violated; that something does not come to rest last, as it is often but a consequence.
    pub(crate) fn violations(&self) -> Vec<Violation> {
        let mut violations = self.violations.clone();
        violations.sort_by_key(|violation| violation.invariant == "everything_comes_to_rest");
        violations
    }

    /// The trace's hash, and its lines where they are kept.
    pub(crate) fn traced(&self) -> (String, Vec<String>) {
        let hash = hex::encode(self.trace.clone().finalize());
        (hash, self.lines.clone().unwrap_or_default())
    }
}
