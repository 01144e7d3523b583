//! One worker with one instance: step after step, until it ends, waits, is parked or is somebody else's.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical_model::{CanonicalId, Failure, Result};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use persistence::args;
use serde_json::Value;
use tracing::Instrument;

use crate::StepContext;
use crate::context::WAITING;
use crate::core::{Core, millis};
use crate::engine::Inner;
use crate::fault::{Fault, Point};
use crate::outline::StepOutline;
use crate::pending::Leavings;
use crate::process::{AnyProcess, Saved};
use crate::transition;
use crate::work::Work;

/// Pause before another look at an instance of a process that this engine does not know.
const UNKNOWN_PROCESS_PAUSE_MS: u64 = 30_000;

/// Works on an instance as long as there is something to do.
pub(crate) async fn run<Sv: Send + Sync + 'static>(inner: Arc<Inner<Sv>>, work: Work) {
    let mut next = Some(work);
    while let Some(work) = next {
        let span = tracing::info_span!(
            "step",
            process = %work.process,
            step = %work.step_name,
            instance.id = %work.id,
            correlation_id = %work.correlation_id,
        );
        let work = Arc::new(work);
        next = match step(&inner, Arc::clone(&work)).instrument(span).await {
            Ok(next) => next,
            // Nothing was journalled: whoever has the lease next does the step again.
            Err(failure) if failure.code == "lease_lost" => {
                tracing::debug!(instance.id = %work.id, "another worker has taken an instance over");
                None
            }
            Err(failure) => {
                tracing::warn!(
                    instance.id = %work.id, code = %failure.code, detail = failure.detail,
                    "what a step did could not be journalled"
                );
                // The database may be back in a moment; where it is not, the end of the lease does the same later.
                let soon = canonical_model::clock::now() + millis(inner.core.settings.retry.first_ms);
                let _left_to_the_lease = transition::give_back(&inner.core, &work, soon, None).await;
                None
            }
        };
    }
}

/// Does what is next of an instance. Returns it with its next step where there is one to do at once.
async fn step<Sv: Send + Sync + 'static>(inner: &Arc<Inner<Sv>>, work: Arc<Work>) -> Result<Option<Work>> {
    let core = &inner.core;
    let Some(process) = inner.process(&work.process, work.version) else {
        tracing::warn!(process = %work.process, version = work.version, "no such process here");
        let later = canonical_model::clock::now() + millis(UNKNOWN_PROCESS_PAUSE_MS);
        transition::give_back(core, &work, later, None).await?;
        return Ok(None);
    };
    let known = process
        .outline()
        .step(work.step_index)
        .filter(|step| step.name == work.step_name)
        .cloned();
    let Some(outline) = known else {
        transition::park(core, &work, journal_mismatch(&work), String::new()).await?;
        return Ok(None);
    };
    let mut payload = None;
    if outline.waits && !work.undoing {
        match signal(core, &work).await? {
            Some(signal) => payload = Some(signal),
            None => return Ok(None),
        }
    }
    let (signal_id, payload) = payload.map_or((None, None), |(id, payload)| (Some(id), Some(payload)));
    let last_try = is_last_try(core, &outline, &work);
    let began = Instant::now();
    let (result, leavings) = attempt(inner, process, &work, last_try, payload).await;
    note_duration(&work, began.elapsed(), &result);
    conclude(inner, &work, (result, leavings), signal_id, last_try).await
}

async fn conclude<Sv: Send + Sync + 'static>(
    inner: &Arc<Inner<Sv>>,
    work: &Arc<Work>,
    (result, leavings): (Result<Saved>, Leavings),
    signal: Option<CanonicalId>,
    last_try: bool,
) -> Result<Option<Work>> {
    let core = &inner.core;
    match result {
        Ok(saved) => {
            let stopping = inner.stopping.is_cancelled();
            let next = transition::advance(core, work, saved, leavings, signal, stopping).await?;
            core.faults.at(Point::Journalled).await;
            return Ok(next);
        }
        Err(failure) if failure.code == "lease_lost" => return Err(failure),
        Err(failure) if failure.code == WAITING && leavings.wake_at.is_some() => {
            let (work, until) = (Arc::clone(work), leavings.wake_at);
            core.db
                .write(move |tx| Box::pin(async move { transition::wait(tx, &work, until).await }))
                .await?;
        }
        // No try of the step's: it was not the step that failed.
        Err(failure) if core.circuits.held_by(&failure).is_some() => {
            tracing::debug!(code = %failure.code, at = failure.source, "a step waits for a connection");
            transition::hold_back(core, work, failure).await?;
        }
        Err(failure) if (failure.is_transient() || retried_refusal(&failure)) && !last_try => {
            let at = next_try(core, work, &failure);
            tracing::info!(code = %failure.code, detail = failure.detail, due = %at, "a step failed and is tried again");
            transition::give_back(core, work, at, Some(failure)).await?;
        }
        Err(failure) => {
            tracing::warn!(code = %failure.code, detail = failure.detail, "a step waits for a person");
            transition::park(core, work, failure, leavings.about.unwrap_or_default()).await?;
        }
    }
    core.faults.at(Point::Journalled).await;
    Ok(None)
}

/// Runs the step, or its undo, once (or as the faults in force say).
async fn attempt<Sv: Send + Sync + 'static>(
    inner: &Arc<Inner<Sv>>,
    process: &Arc<dyn AnyProcess<Sv>>,
    work: &Arc<Work>,
    last_try: bool,
    payload: Option<Value>,
) -> (Result<Saved>, Leavings) {
    let faults = &inner.core.faults;
    let (name, undo) = (work.step_name.as_str(), work.undoing);
    match faults.at(Point::Step { name, undo }).await {
        Fault::Fail(failure) => return (Err(failure), Leavings::default()),
        Fault::Twice => drop(once(inner, process, work, last_try, payload.clone()).await),
        _ => {}
    }
    let (result, leavings) = once(inner, process, work, last_try, payload).await;
    match faults.at(Point::StepRan { name, undo }).await {
        Fault::Fail(failure) => (Err(failure), leavings),
        _ => (result, leavings),
    }
}

async fn once<Sv: Send + Sync + 'static>(
    inner: &Arc<Inner<Sv>>,
    process: &Arc<dyn AnyProcess<Sv>>,
    work: &Arc<Work>,
    last_try: bool,
    payload: Option<Value>,
) -> (Result<Saved>, Leavings) {
    let ctx = StepContext {
        core: Arc::clone(&inner.core),
        services: Arc::clone(&inner.services),
        work: Arc::clone(work),
        abbreviation: process.outline().abbreviation.clone(),
        last_try,
        pending: crate::pending::Pending::default(),
    };
    let body = if work.undoing {
        process.undo(work.step_index, &ctx, &work.state)
    } else {
        process.run(work.step_index, &ctx, &work.state, payload)
    };
    let limit = Duration::from_millis(inner.core.settings.step_timeout_ms);
    let body = circuits::work(inner.core.share(), tokio::time::timeout(limit, body));
    let ended = AssertUnwindSafe(body).catch_unwind().await;
    let result = match ended {
        Ok(Ok(result)) => result,
        Ok(Err(_)) => Err(Failure::transient(
            "step_timed_out",
            "a step took longer than it may",
        )),
        Err(_) => Err(Failure::fault(
            "step_panicked",
            "a step ended in a panic; the log has it",
        )),
    };
    let mut leavings = ctx.pending.take();
    match leavings.failure.take() {
        Some(failure) => (Err(failure), leavings),
        None => (result, leavings),
    }
}

/// The signal that the step waits for; where there is none yet, the instance is put aside in the same transaction, so
/// that a signal that comes now is not missed.
async fn signal(core: &Arc<Core>, work: &Arc<Work>) -> Result<Option<(CanonicalId, Value)>> {
    let (for_tx, work) = (Arc::clone(core), Arc::clone(work));
    core.db
        .write(move |tx| {
            Box::pin(async move {
                work.hold(tx, &for_tx).await?;
                let sql = "SELECT id, payload FROM engine_signals WHERE instance_id = $1 AND name = $2
                    AND consumed_ms IS NULL ORDER BY received_ms, id LIMIT 1";
                match tx.one(sql, args![work.id, &work.step_name]).await? {
                    Some(row) => Ok(Some((row.id("id")?, row.json("payload")?))),
                    None => {
                        transition::wait(tx, &work, None).await?;
                        Ok(None)
                    }
                }
            })
        })
        .await
}

fn budget(core: &Core, outline: &StepOutline) -> u64 {
    outline.budget_ms.unwrap_or(core.settings.retry.budget_ms)
}

/// The try after the budget's end is the last one.
fn is_last_try(core: &Core, outline: &StepOutline, work: &Work) -> bool {
    let budget = budget(core, outline);
    budget == 0
        || work
            .retry_since
            .is_some_and(|since| canonical_model::clock::now() >= since + millis(budget))
}

/// Pauses double, are spread so that many do not come back at once, and end with the budget; the other side's wish for
/// a longer pause is granted.
fn next_try(core: &Core, work: &Work, failure: &Failure) -> DateTime<Utc> {
    let retry = &core.settings.retry;
    let doublings = u32::try_from(work.attempt).unwrap_or(u32::MAX).min(32);
    let longest = retry
        .first_ms
        .saturating_mul(1_u64 << doublings)
        .min(retry.max_ms)
        .max(1);
    let shortest = longest.div_ceil(2);
    let pause = shortest + spread(work) % (longest - shortest + 1);
    let now = canonical_model::clock::now();
    let outline = core
        .outline(&work.process, work.version)
        .and_then(|outline| outline.step(work.step_index));
    let end = outline.map(|step| work.retry_since.unwrap_or(now) + millis(budget(core, step)));
    let by_us = end.map_or(now + millis(pause), |end| (now + millis(pause)).min(end));
    failure
        .retry_after_ms
        .map_or(by_us, |wish| by_us.max(now + millis(wish)))
}

/// A number of the instance and its try: instances that failed together do not come back together.
fn spread(work: &Work) -> u64 {
    let (_, random) = work.id.0.as_u64_pair();
    let tries = u32::try_from(work.attempt).unwrap_or(u32::MAX);
    random.rotate_left(tries.wrapping_mul(7) % 64)
}

fn note_duration(work: &Work, took: Duration, result: &Result<Saved>) {
    let outcome = match result {
        Ok(_) => "done".to_owned(),
        Err(failure) => format!("{:?}", failure.class).to_lowercase(),
    };
    let labels = [
        ("process", work.process.clone()),
        ("step", work.label()),
        ("outcome", outcome),
    ];
    metrics::histogram!("process_step_seconds", &labels).record(took.as_secs_f64());
}

/// Never, but for the simulation's planted defect.
fn retried_refusal(_failure: &Failure) -> bool {
    #[cfg(feature = "simulation")]
    return _failure.class == canonical_model::FailureClass::Business
        && canonical_model::simulation::planted(canonical_model::simulation::Defect::RetriedRefusal);
    #[cfg(not(feature = "simulation"))]
    false
}

fn journal_mismatch(work: &Work) -> Failure {
    let message = format!(
        "{} version {} has no step {:?} at place {}: the definition was changed without a new version",
        work.process, work.version, work.step_name, work.step_index
    );
    Failure::fault("journal_mismatch", message)
}
