//! Fault control: what goes wrong on a twin, when, and how often.
//!
//! A rule says which requests it meets and what happens to them. Rules that depend on chance draw from a seeded
//! generator, so that the same seed and the same requests give the same faults. Transport faults (delay, status,
//! reset, truncation) are carried out by [`crate::server`]; vendor faults (expired token, page shift, lock) are
//! handed to the vendor's handlers, which answer as the vendor would.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use regex::Regex;
use serde::{Deserialize, Serialize};

/// What happens to a request that a rule meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The answer is late.
    Latency {
        /// By how much.
        ms: u64,
    },
    /// The vendor is over its limit: 429 (or the vendor's own form), nothing is done.
    TooManyRequests {
        /// Value of `Retry-After` in seconds; absent = no header.
        retry_after_s: Option<u64>,
    },
    /// A server error in the vendor's form, nothing is done.
    ServerError {
        /// 500 to 599.
        status: u16,
    },
    /// The connection is reset before the request is looked at: nothing is done.
    ResetBefore,
    /// The request is carried out, then the connection is reset without an answer.
    ResetAfter,
    /// The request is carried out; the body of the answer stops in the middle.
    TruncatedBody,
    /// The bearer token is treated as expired, in the vendor's form.
    ExpiredToken,
    /// A record appears on an earlier page while a reader is between pages.
    PageShift,
    /// The record is locked by somebody else, in the vendor's form.
    Locked,
}

impl Fault {
    /// Whether the request ends here: nothing is done, and later rules neither act nor count.
    fn ends_the_request(&self) -> bool {
        matches!(
            self,
            Self::TooManyRequests { .. } | Self::ServerError { .. } | Self::ResetBefore
        )
    }
}

/// A rule: which requests, which fault, how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// HTTP method; absent = every method.
    #[serde(default)]
    pub method: Option<String>,
    /// Regular expression searched in path and query.
    #[serde(default)]
    pub path: Option<String>,
    /// What happens.
    pub fault: Fault,
    /// Share of the matching requests that are met, 0 to 1 in steps of a millionth; absent = all.
    #[serde(default)]
    pub per_million: Option<u32>,
    /// Matching requests to let through first.
    #[serde(default)]
    pub skip: u64,
    /// How many times the rule acts before it is spent; absent = without end.
    #[serde(default)]
    pub times: Option<u64>,
}

struct Armed {
    rule: Rule,
    path: Option<Regex>,
    seen: u64,
    fired: u64,
}

/// A rule with its counters, as the control surface shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RuleReport {
    /// The rule as given.
    pub rule: Rule,
    /// Requests that matched.
    pub seen: u64,
    /// Requests that it acted on.
    pub fired: u64,
}

struct State {
    rules: Vec<Armed>,
    random: StdRng,
}

/// The faults of one twin.
pub struct Faults {
    state: Mutex<State>,
    first_seed: AtomicU64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                rules: Vec::new(),
                random: StdRng::seed_from_u64(0),
            }),
            first_seed: AtomicU64::new(0),
        }
    }
}

impl Faults {
    /// Sets where the generator starts for rules that come without a seed.
    pub fn start_at(&self, seed: u64) {
        self.first_seed.store(seed, Ordering::Relaxed);
    }

    /// Where the generator starts for rules that come without a seed.
    #[must_use]
    pub fn first_seed(&self) -> u64 {
        self.first_seed.load(Ordering::Relaxed)
    }

    /// Replaces all rules and starts the generator at `seed`.
    ///
    /// # Errors
    /// A path is not a regular expression; the rules in force stay.
    pub fn set(&self, rules: Vec<Rule>, seed: u64) -> Result<(), regex::Error> {
        let mut armed = Vec::with_capacity(rules.len());
        for rule in rules {
            let path = rule.path.as_deref().map(Regex::new).transpose()?;
            armed.push(Armed {
                rule,
                path,
                seen: 0,
                fired: 0,
            });
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.rules = armed;
        state.random = StdRng::seed_from_u64(seed);
        Ok(())
    }

    /// The faults that meet a request, in the order of the rules up to one that ends the request. Counts.
    #[must_use]
    pub fn meet(&self, method: &str, path_and_query: &str) -> Vec<Fault> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        let mut met = Vec::new();
        for armed in &mut state.rules {
            let method_fits = armed
                .rule
                .method
                .as_deref()
                .is_none_or(|m| m.eq_ignore_ascii_case(method));
            let path_fits = armed.path.as_ref().is_none_or(|p| p.is_match(path_and_query));
            if !method_fits || !path_fits || armed.rule.times.is_some_and(|t| armed.fired >= t) {
                continue;
            }
            armed.seen += 1;
            if armed.seen <= armed.rule.skip {
                continue;
            }
            if armed
                .rule
                .per_million
                .is_some_and(|share| state.random.random_range(0..1_000_000) >= share)
            {
                continue;
            }
            armed.fired += 1;
            met.push(armed.rule.fault.clone());
            if armed.rule.fault.ends_the_request() {
                break;
            }
        }
        met
    }

    /// Rules and counters.
    #[must_use]
    pub fn report(&self) -> Vec<RuleReport> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .rules
            .iter()
            .map(|a| RuleReport {
                rule: a.rule.clone(),
                seen: a.seen,
                fired: a.fired,
            })
            .collect()
    }
}
