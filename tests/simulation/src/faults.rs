//! The named points at which something can go wrong.

use canonical_model::Failure;
use process_engine::{Fault, FaultPlan, Point};

use crate::state::Shared;

/// Who is called, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    /// As in the name of a point.
    pub(crate) name: &'static str,
    /// It changes something.
    pub(crate) writes: bool,
    vendor: Option<Vendor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vendor {
    NetSuite,
    Kantata,
}

const fn at(name: &'static str, writes: bool, vendor: Option<Vendor>) -> Operation {
    Operation { name, writes, vendor }
}

/// Every operation that can be met.
const OPERATIONS: [Operation; 17] = [
    at("erp.token", false, Some(Vendor::NetSuite)),
    at("erp.query", false, Some(Vendor::NetSuite)),
    at("erp.time_entries.write", true, Some(Vendor::NetSuite)),
    at("erp.expenses.write", true, Some(Vendor::NetSuite)),
    at("erp.record.write", true, Some(Vendor::NetSuite)),
    at("erp.record.read", false, Some(Vendor::NetSuite)),
    at("erp.job.poll", false, Some(Vendor::NetSuite)),
    at("psa.changes", false, Some(Vendor::Kantata)),
    at("psa.events", false, Some(Vendor::Kantata)),
    at("psa.read", false, Some(Vendor::Kantata)),
    at("psa.mark.write", true, Some(Vendor::Kantata)),
    at("erp_api.read", false, None),
    at("erp_api.write", true, None),
    at("psa_api.read", false, None),
    at("psa_api.write", true, None),
    at("control.read", false, None),
    at("control.write", true, None),
];

/// What can happen to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    Unreachable,
    ResetBefore,
    ResetAfter,
    TimeoutBefore,
    TimeoutAfter,
    TooMany,
    Unavailable,
    Garbled,
    TokenExpired,
    PageShift,
    Locked,
    Slow,
    Repeated,
    CrashBefore,
    CrashAfter,
    LeaseLostBefore,
    LeaseLostAfter,
}

/// Every kind of mishap by its name.
pub const KINDS: [&str; 17] = [
    "unreachable",
    "reset_before_commit",
    "reset_after_commit",
    "timeout_before_commit",
    "timeout_after_commit",
    "429_retry_after",
    "503",
    "garbled_answer",
    "token_expired",
    "page_shift",
    "locked",
    "slow_answer",
    "repeated",
    "crash_before_answer",
    "crash_after_commit",
    "lease_lost_before_commit",
    "lease_lost_after_commit",
];

const ALL: [Mishap; 17] = [
    Mishap::Unreachable,
    Mishap::ResetBefore,
    Mishap::ResetAfter,
    Mishap::TimeoutBefore,
    Mishap::TimeoutAfter,
    Mishap::TooMany,
    Mishap::Unavailable,
    Mishap::Garbled,
    Mishap::TokenExpired,
    Mishap::PageShift,
    Mishap::Locked,
    Mishap::Slow,
    Mishap::Repeated,
    Mishap::CrashBefore,
    Mishap::CrashAfter,
    Mishap::LeaseLostBefore,
    Mishap::LeaseLostAfter,
];

impl Mishap {
    fn name(self) -> &'static str {
        let place = ALL.iter().position(|mishap| *mishap == self);
        place.and_then(|place| KINDS.get(place)).copied().unwrap_or("")
    }

    fn can_meet(self, operation: Operation) -> bool {
        let Operation { name, writes, vendor } = operation;
        match self {
            Self::Unreachable | Self::TimeoutBefore | Self::Unavailable | Self::Slow => true,
            Self::ResetBefore | Self::ResetAfter | Self::TimeoutAfter => true,
            Self::TooMany | Self::Garbled => vendor.is_some(),
            Self::TokenExpired => name.starts_with("erp") && name != "erp.token",
            Self::PageShift => matches!(name, "psa.changes" | "psa.events" | "erp.query"),
            Self::Locked => matches!(name, "erp.record.write" | "psa.read" | "psa.mark.write"),
            Self::Repeated => name == "psa.changes",
            // A process is killed, or its lease ends, while it waits for an API of ours.
            Self::CrashBefore | Self::CrashAfter | Self::LeaseLostBefore | Self::LeaseLostAfter => {
                vendor.is_none() && (writes || self == Self::CrashBefore || self == Self::LeaseLostBefore)
            }
        }
    }
}

/// Points of the engine, and of the world around it.
const OTHERS: [&str; 12] = [
    "engine.crash_before_step",
    "engine.crash_before_journal",
    "engine.crash_before_sending",
    "engine.crash_before_answer_journalled",
    "engine.crash_after_journal",
    "engine.step_repeated",
    "engine.step_fails",
    "engine.step_refused",
    "engine.answer_lost_sent",
    "engine.answer_lost_unsent",
    "clock.jump",
    "feed.from_the_beginning",
];

/// The names of all points.
#[must_use]
pub fn points() -> Vec<String> {
    let calls = OPERATIONS.into_iter().flat_map(|operation| {
        let met = ALL.into_iter().filter(move |mishap| mishap.can_meet(operation));
        met.map(move |mishap| format!("{}.{}", operation.name, mishap.name()))
    });
    calls.chain(OTHERS.map(str::to_owned)).collect()
}

/// The operation of a name.
pub(crate) fn operation(name: &str) -> Option<Operation> {
    OPERATIONS.into_iter().find(|operation| operation.name == name)
}

/// What happens to a call, if anything; the point is counted where it cannot fail to happen.
pub(crate) fn draw(shared: &Shared, operation: Operation) -> Option<Mishap> {
    let mut state = shared.lock();
    let weather = state.weather;
    if !state.faulty || !state.chance(weather) {
        return None;
    }
    let possible: Vec<Mishap> = ALL
        .into_iter()
        .filter(|mishap| mishap.can_meet(operation))
        .collect();
    let drawn = state.index(possible.len());
    let mishap = possible.get(drawn).copied()?;
    let of_worker = matches!(mishap, Mishap::LeaseLostBefore | Mishap::LeaseLostAfter);
    if of_worker && (state.held.is_none() || state.usurped) {
        return None;
    }
    state.fire(&format!("{}.{}", operation.name, mishap.name()));
    Some(mishap)
}

/// What goes wrong in the engine whose turn it is.
pub(crate) struct Plan(pub(crate) Shared);

impl FaultPlan for Plan {
    fn at(&self, point: Point<'_>) -> Fault {
        let mut state = self.0.lock();
        let after_answer = std::mem::replace(&mut state.answered, point == Point::Answered);
        let writes = matches!(point, Point::Sending { .. } | Point::Journalled);
        if state.usurped && writes && !after_answer {
            state.violated(
                "no_write_under_a_lost_fence",
                format!("a worker whose lease is lost came to {point:?}"),
            );
        }
        let weather = state.weather;
        if !state.faulty || state.usurped || !state.chance(weather) {
            return Fault::None;
        }
        let crash = match point {
            Point::Step { .. } => "engine.crash_before_step",
            Point::StepRan { .. } => "engine.crash_before_journal",
            Point::Sending { .. } => "engine.crash_before_sending",
            Point::Answered => "engine.crash_before_answer_journalled",
            Point::Journalled => "engine.crash_after_journal",
        };
        let transient = || Failure::transient("failed_on_purpose", "by the simulation");
        let (name, fault) = match (point, state.below(4)) {
            (Point::Step { .. }, 0) => ("engine.step_repeated", Fault::Twice),
            (Point::Step { .. }, 1) => {
                let failure = Failure::business("refused_on_purpose", "by the simulation");
                ("engine.step_refused", Fault::Fail(failure))
            }
            (Point::Step { .. }, 2) | (Point::StepRan { .. }, 0 | 1) => {
                ("engine.step_fails", Fault::Fail(transient()))
            }
            (Point::Sending { .. }, 0) => ("engine.answer_lost_sent", Fault::LoseAnswer { sent: true }),
            (Point::Sending { .. }, 1) => ("engine.answer_lost_unsent", Fault::LoseAnswer { sent: false }),
            _ => (crash, Fault::Crash),
        };
        state.fire(name);
        if fault == Fault::Crash {
            self.0.crash.notify_one();
        }
        fault
    }
}

/// Nothing goes wrong: for the worker that takes over.
pub(crate) struct Calm;

impl FaultPlan for Calm {
    fn at(&self, _: Point<'_>) -> Fault {
        Fault::None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn there_are_at_least_forty_points_each_with_a_name_of_its_own() {
        let points = super::points();
        assert!(points.len() >= 40, "{}", points.len());
        assert_eq!(points.iter().collect::<BTreeSet<_>>().len(), points.len());
    }
}
