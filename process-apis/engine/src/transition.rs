//! What a worker commits: the step, its journal row and all that the step leaves, in one transaction, while the lease
//! holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use canonical_model::{CanonicalId, ExceptionState, Failure, Result};
use chrono::{DateTime, Utc};
use persistence::{Row, Tx, args};

use crate::core::Core;
use crate::exceptions::{self, Opening};
use crate::outline::Outline;
use crate::pending::{Hook, Leavings, Telling};
use crate::process::Saved;
use crate::work::{FORWARD, UNDO, Work, at_risk_args, held, json};

/// What the journal says of a step.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) kind: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) tries: i64,
    pub(crate) actor: Option<String>,
    pub(crate) reason: Option<String>,
}

/// Commits a step that succeeded. Returns the instance with its next step where this worker goes on with it.
pub(crate) async fn advance(
    core: &Arc<Core>,
    work: &Arc<Work>,
    saved: Saved,
    leavings: Leavings,
    signal: Option<CanonicalId>,
    stopping: bool,
) -> Result<Option<Work>> {
    let (for_tx, work) = (Arc::clone(core), Arc::clone(work));
    core.db
        .write(move |tx| {
            Box::pin(async move {
                let core = for_tx;
                let outline = core.outline(&work.process, work.version);
                let next = next_place(tx, outline, &work).await?;
                let next = save(tx, &core, outline, &work, &saved, next, stopping).await?;
                let kind = if work.undoing { "undone" } else { "done" };
                journal(tx, &work, kind, &saved.state, None).await?;
                leave(tx, &core, outline, &work, leavings).await?;
                if let Some(signal) = signal {
                    let sql = "UPDATE engine_signals SET consumed_ms = $2 WHERE id = $1";
                    tx.execute(sql, args![signal, canonical_model::clock::now()])
                        .await?;
                }
                Ok(next)
            })
        })
        .await
}

/// The place of the next step or undo; none where the instance ends.
async fn next_place(tx: &mut Tx, outline: Option<&Outline>, work: &Work) -> Result<Option<i64>> {
    let Some(outline) = outline else { return Ok(None) };
    if !work.undoing {
        return Ok(outline.step(work.step_index + 1).map(|_| work.step_index + 1));
    }
    let marks = marks(tx, work.id).await?;
    Ok(undo_places(outline, &marks)
        .into_iter()
        .find(|place| *place < work.step_index))
}

async fn save(
    tx: &mut Tx,
    core: &Core,
    outline: Option<&Outline>,
    work: &Work,
    saved: &Saved,
    next: Option<i64>,
    stopping: bool,
) -> Result<Option<Work>> {
    let now = canonical_model::clock::now();
    let (status, due) = match next {
        None if work.undoing => ("compensated", None),
        None => ("done", None),
        Some(_) if stopping => ("ready", Some(now)),
        Some(_) => ("running", Some(core.lease_end(now))),
    };
    let index = next.unwrap_or(if work.undoing { -1 } else { work.step_index + 1 });
    let name = outline.map_or("", |outline| outline.step_name(index));
    // While what was done is taken back the exception that led to it stays open.
    let exception = work.exception_id.filter(|_| work.undoing && next.is_some());
    let sql = "UPDATE engine_instances SET status = $4, due_ms = $5, step_index = $6, step_name = $7, step_since_ms = $3,
            sequence = $8, state = $9, title = $10, exception_id = $11, ended_ms = $12, money_amount = $13,
            money_currency = $14, legal_entity = $15, region = $16, attempt = 0, retry_since_ms = NULL,
            last_failure = NULL, answer = NULL, updated_ms = $3
        WHERE id = $1 AND fence = $2 AND status = 'running' AND due_ms > $3";
    let mut values = args![
        work.id,
        work.fence,
        now,
        status,
        due,
        index,
        name,
        work.sequence + 1,
        &saved.state
    ];
    values.extend(args![&saved.title, exception, next.map_or(Some(now), |_| None)]);
    values.extend(at_risk_args(&saved.at_risk));
    held(tx.execute(sql, values).await?)?;
    if let (Some(id), None) = (work.exception_id, exception) {
        exceptions::close(tx, core, id, ExceptionState::Resolved).await?;
    }
    Ok((status == "running").then(|| Work {
        title: saved.title.clone(),
        step_index: index,
        step_name: name.to_owned(),
        step_since: at_millisecond(now),
        sequence: work.sequence + 1,
        state: saved.state.clone(),
        answer: None,
        attempt: 0,
        retry_since: None,
        exception_id: exception,
        at_risk: saved.at_risk.clone(),
        ..work.clone()
    }))
}

/// As the database keeps it, so that a step sees the same time whether or not it was interrupted.
fn at_millisecond(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or(at)
}

/// Writes a row of the journal.
pub(crate) async fn journal(
    tx: &mut Tx,
    work: &Work,
    kind: &str,
    state: &str,
    decided: Option<(&str, Option<&str>)>,
) -> Result<()> {
    let sql = "INSERT INTO engine_journal (instance_id, sequence, kind, step_index, step_name, state, tries, since_ms,
            at_ms, actor, reason)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let mut values = args![
        work.id,
        work.sequence + 1,
        kind,
        work.step_index,
        &work.step_name,
        state
    ];
    values.extend(args![
        work.attempt + 1,
        work.step_since,
        canonical_model::clock::now()
    ]);
    values.extend(args![
        decided.map(|(actor, _)| actor),
        decided.and_then(|(_, reason)| reason)
    ]);
    tx.execute(sql, values).await.map(|_| ())
}

/// What a step leaves: its own statements, exceptions of items, events.
async fn leave(
    tx: &mut Tx,
    core: &Core,
    outline: Option<&Outline>,
    work: &Work,
    leavings: Leavings,
) -> Result<()> {
    run_hooks(tx, leavings.hooks).await?;
    tell_all(tx, core, leavings.events, &work.correlation_id).await?;
    exceptions::raise(tx, core, outline, work, leavings.raised).await
}

pub(crate) async fn run_hooks(tx: &mut Tx, hooks: Vec<Hook>) -> Result<()> {
    for hook in hooks {
        hook(tx).await?;
    }
    Ok(())
}

pub(crate) async fn tell_all(
    tx: &mut Tx,
    core: &Core,
    events: Vec<Telling>,
    correlation_id: &str,
) -> Result<()> {
    for event in events {
        let event = core.event(&event.kind, &event.subject, correlation_id, event.data);
        persistence::outbox::append(tx, &event).await?;
    }
    Ok(())
}

/// Puts the instance aside until a time (or for a signal, without one).
pub(crate) async fn wait(tx: &mut Tx, work: &Work, until: Option<DateTime<Utc>>) -> Result<()> {
    let sql = "UPDATE engine_instances SET status = 'waiting', due_ms = $4, updated_ms = $3
        WHERE id = $1 AND fence = $2 AND status = 'running' AND due_ms > $3";
    held(
        tx.execute(
            sql,
            args![work.id, work.fence, canonical_model::clock::now(), until],
        )
        .await?,
    )
}

/// Gives the instance back, to be tried again at a time; with a failure, that counts as a failed try.
pub(crate) async fn give_back(
    core: &Core,
    work: &Arc<Work>,
    at: DateTime<Utc>,
    failure: Option<Failure>,
) -> Result<()> {
    let work = Arc::clone(work);
    core.db
        .write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE engine_instances SET status = 'ready', due_ms = $4, updated_ms = $3,
                        attempt = attempt + $5, last_failure = COALESCE($6, last_failure),
                        retry_since_ms = CASE WHEN $5 = 0 THEN retry_since_ms ELSE COALESCE(retry_since_ms, $3) END
                    WHERE id = $1 AND fence = $2 AND status = 'running' AND due_ms > $3";
                let tries = i64::from(failure.is_some());
                let failure = failure.as_ref().map(json).transpose()?;
                held(tx.execute(sql, args![work.id, work.fence, canonical_model::clock::now(), at, tries, failure]).await?)
            })
        })
        .await
}

/// Gives the instance back until its connection is there again. Tries and their budget begin anew then.
pub(crate) async fn hold_back(core: &Core, work: &Arc<Work>, failure: Failure) -> Result<()> {
    let work = Arc::clone(work);
    core.db
        .write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE engine_instances SET status = 'ready', due_ms = $3, waits_for = $4, last_failure = $5,
                        attempt = 0, retry_since_ms = NULL, updated_ms = $3
                    WHERE id = $1 AND fence = $2 AND status = 'running' AND due_ms > $3";
                let now = canonical_model::clock::now();
                let values = args![work.id, work.fence, now, failure.source.as_deref(), json(&failure)?];
                held(tx.execute(sql, values).await?)
            })
        })
        .await?;
    core.anybody_held.store(true, Ordering::SeqCst);
    core.work.notify_one();
    Ok(())
}

/// Stops the instance for a person: its state, the exception and its event commit together.
pub(crate) async fn park(
    core: &Arc<Core>,
    work: &Arc<Work>,
    failure: Failure,
    subject: String,
) -> Result<()> {
    let (for_tx, work) = (Arc::clone(core), Arc::clone(work));
    core.db
        .write(move |tx| {
            Box::pin(async move {
                let core = for_tx;
                work.hold(tx, &core).await?;
                let outline = core.outline(&work.process, work.version);
                let exception = match work.exception_id {
                    Some(id) => {
                        exceptions::reopen(tx, &core, outline, id, &failure, &subject).await?;
                        id
                    }
                    None => {
                        let opening = Opening::of_instance(&work, failure.clone(), subject);
                        let ids = exceptions::open(tx, &core, outline, &work, vec![opening]).await?;
                        ids.first().copied().unwrap_or(work.id)
                    }
                };
                let sql = "UPDATE engine_instances SET status = 'parked', due_ms = NULL, exception_id = $4,
                        last_failure = $5, attempt = attempt + 1, updated_ms = $3
                    WHERE id = $1 AND fence = $2 AND status = 'running' AND due_ms > $3";
                let values = args![
                    work.id,
                    work.fence,
                    canonical_model::clock::now(),
                    exception,
                    json(&failure)?
                ];
                held(tx.execute(sql, values).await?)
            })
        })
        .await
}

/// What the journal says of each step of an instance, by place.
pub(crate) async fn marks(tx: &mut Tx, id: CanonicalId) -> Result<BTreeMap<i64, Mark>> {
    let sql = "SELECT kind, step_index, at_ms, tries, actor, reason FROM engine_journal
        WHERE instance_id = $1 ORDER BY sequence";
    let mut marks = BTreeMap::new();
    for row in tx.all(sql, args![id]).await? {
        let place = row.int("step_index")?;
        let mark = mark(&row)?;
        match mark.kind.as_str() {
            "done" | "skipped" | "undone" => drop(marks.insert(place, mark)),
            // From here on the steps are done anew.
            "replayed" => drop(marks.split_off(&place)),
            _ => {}
        }
    }
    Ok(marks)
}

fn mark(row: &Row) -> Result<Mark> {
    Ok(Mark {
        kind: row.text("kind")?,
        at: row.time("at_ms")?,
        tries: row.int("tries")?,
        actor: row.opt_text("actor")?,
        reason: row.opt_text("reason")?,
    })
}

/// Places of the steps that would be taken back, last first.
pub(crate) fn undo_places(outline: &Outline, marks: &BTreeMap<i64, Mark>) -> Vec<i64> {
    let done = marks.iter().rev().filter(|(_, mark)| mark.kind == "done");
    done.map(|(place, _)| *place)
        .filter(|place| outline.step(*place).is_some_and(|step| step.undo))
        .collect()
}

/// The word of a direction.
pub(crate) fn direction(undoing: bool) -> &'static str {
    if undoing { UNDO } else { FORWARD }
}
