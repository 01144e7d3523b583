//! Carrying out what people decided: in batches, in the background, however many exceptions a decision covers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use canonical_model::{
    CanonicalId, ExceptionRecord, ExceptionState, Failure, Resolution, ResolutionAction, Result,
};
use futures_util::StreamExt;
use persistence::{Row, Tx, args};

use crate::core::{Core, millis};
use crate::engine::Inner;
use crate::exceptions;
use crate::pending::{Leavings, Pending};
use crate::transition::{self, direction, undo_places};
use crate::work::{Work, json};
use crate::{GroupContext, ItemContext};

/// Exceptions taken at once.
const BATCH: i64 = 1000;
/// Items handed to their process at the same time: their commits share fsyncs.
const ITEMS_AT_ONCE: usize = 32;

macro_rules! take_sql {
    ($lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (
                SELECT id FROM engine_exceptions WHERE work_ms <= $3 ORDER BY work_ms LIMIT $4",
            $lock,
            ") UPDATE engine_exceptions SET work_token = $1, work_ms = $2 WHERE id IN (SELECT id FROM due) RETURNING *"
        )
    };
}

/// A decision to carry out.
struct Decision {
    exception: ExceptionRecord,
    version: i64,
    item_key: String,
    resolution: Resolution,
    /// The resolution as it was written: one decision's are the same to the letter.
    decided: String,
    resolver: String,
    tries: i64,
    token: String,
}

/// Carries decisions out until the engine stops.
pub(crate) async fn carry_out<Sv: Send + Sync + 'static>(inner: Arc<Inner<Sv>>) {
    let poll = Duration::from_millis(inner.core.settings.poll_ms.max(1));
    while !inner.stopping.is_cancelled() {
        match batch(&inner).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(failure) => {
                tracing::warn!(code = %failure.code, detail = failure.detail, "cannot carry decisions out")
            }
        }
        tokio::select! {
            () = inner.core.decisions.notified() => {}
            () = tokio::time::sleep(poll) => {}
            () = inner.stopping.cancelled() => {}
        }
    }
}

pub(crate) async fn batch<Sv: Send + Sync + 'static>(inner: &Arc<Inner<Sv>>) -> Result<usize> {
    let decisions = take(&inner.core).await?;
    let taken = decisions.len();
    let (items, instances): (Vec<_>, Vec<_>) = decisions
        .into_iter()
        .partition(|decision| !decision.item_key.is_empty());
    if !instances.is_empty() {
        let core = Arc::clone(&inner.core);
        let done = inner.core.db.write(move |tx| {
            Box::pin(async move {
                for decision in &instances {
                    resume(tx, &core, decision).await?;
                }
                tx.after_commit(move || core.work.notify_one());
                Ok(())
            })
        });
        done.await?;
    }
    inner
        .core
        .moved
        .send_modify(|count| *count = count.wrapping_add(1));
    let mut one_by_one = Vec::new();
    for page in pages(items) {
        one_by_one.extend(settle_page(inner, page).await);
    }
    let items = futures_util::stream::iter(one_by_one).map(|decision| settle_item(inner, decision));
    items
        .buffer_unordered(ITEMS_AT_ONCE)
        .for_each(|()| async {})
        .await;
    Ok(taken)
}

async fn take(core: &Arc<Core>) -> Result<Vec<Decision>> {
    let due = core.db.read(|tx| {
        Box::pin(async move {
            let sql = "SELECT id FROM engine_exceptions WHERE work_ms <= $1 LIMIT 1";
            tx.one(sql, args![canonical_model::clock::now()]).await
        })
    });
    if due.await?.is_none() {
        return Ok(Vec::new());
    }
    let lease_core = Arc::clone(core);
    let rows = core.db.write(move |tx| {
        Box::pin(async move {
            let now = canonical_model::clock::now();
            let token = CanonicalId::generate();
            let sql = tx.by_engine(take_sql!(""), take_sql!(" FOR UPDATE SKIP LOCKED"));
            tx.all(sql, args![token, lease_core.lease_end(now), now, BATCH])
                .await
        })
    });
    rows.await?.iter().map(decision).collect()
}

fn decision(row: &Row) -> Result<Decision> {
    Ok(Decision {
        exception: exceptions::record(row)?,
        version: row.int("version")?,
        item_key: row.text("item_key")?,
        resolution: row.json("resolution")?,
        decided: row.text("resolution")?,
        resolver: row.text("resolver")?,
        tries: row.int("work_tries")?,
        token: row.text("work_token")?,
    })
}

/// Lets a parked instance go on as decided. Where it is no longer parked with this exception nothing is done.
async fn resume(tx: &mut Tx, core: &Core, decision: &Decision) -> Result<()> {
    let id = decision.exception.id;
    let sql =
        "UPDATE engine_exceptions SET work_ms = NULL, work_token = NULL WHERE id = $1 AND work_token = $2";
    if tx.execute(sql, args![id, &decision.token]).await? == 0 {
        return Ok(());
    }
    let sql = tx.by_engine(
        "SELECT * FROM engine_instances WHERE id = $1 AND status = 'parked' AND exception_id = $2",
        "SELECT * FROM engine_instances WHERE id = $1 AND status = 'parked' AND exception_id = $2 FOR UPDATE",
    );
    let Some(row) = tx.one(sql, args![decision.exception.instance_id, id]).await? else {
        return Ok(());
    };
    let work = Work::from_row(&row)?;
    match decision.resolution.action {
        ResolutionAction::Retry | ResolutionAction::Answer => {
            let answer = decision.resolution.answer.as_ref().map(json).transpose()?;
            let sql = "UPDATE engine_instances SET status = 'ready', due_ms = $2, attempt = 0, retry_since_ms = NULL,
                answer = $3, updated_ms = $2 WHERE id = $1";
            tx.execute(sql, args![work.id, canonical_model::clock::now(), answer])
                .await
                .map(|_| ())
        }
        ResolutionAction::Skip => {
            skip(tx, core, &work, decision).await?;
            exceptions::close(tx, core, id, ExceptionState::Skipped).await
        }
        ResolutionAction::Compensate => compensate(tx, core, &work, decision).await,
    }
}

/// Goes on behind the step, or behind the undo, that a person decided not to do.
async fn skip(tx: &mut Tx, core: &Core, work: &Work, decision: &Decision) -> Result<()> {
    let reason = decision.resolution.reason.as_deref();
    let kind = if work.undoing { "undone" } else { "skipped" };
    transition::journal(tx, work, kind, &work.state, Some((&decision.resolver, reason))).await?;
    let Some(outline) = core.outline(&work.process, work.version) else {
        return Err(Failure::fault(
            "process_unknown",
            format!("there is no process {:?} here", work.process),
        ));
    };
    let next = if work.undoing {
        let marks = transition::marks(tx, work.id).await?;
        undo_places(outline, &marks)
            .into_iter()
            .find(|place| *place < work.step_index)
    } else {
        outline.step(work.step_index + 1).map(|_| work.step_index + 1)
    };
    place(tx, core, work, next, work.undoing, None).await
}

/// Turns an instance round. The step at which it stopped is taken back too where it has written something.
async fn compensate(tx: &mut Tx, core: &Core, work: &Work, decision: &Decision) -> Result<()> {
    let reason = decision.resolution.reason.as_deref();
    transition::journal(
        tx,
        work,
        "compensating",
        &work.state,
        Some((&decision.resolver, reason)),
    )
    .await?;
    let Some(outline) = core.outline(&work.process, work.version) else {
        return Err(Failure::fault(
            "process_unknown",
            format!("there is no process {:?} here", work.process),
        ));
    };
    let marks = transition::marks(tx, work.id).await?;
    let sql = "SELECT COUNT(*) AS effects FROM engine_effects
        WHERE instance_id = $1 AND step = $2 AND status IN ('sent', 'applied', 'unknown')";
    let written = tx
        .one(sql, args![work.id, &work.step_name])
        .await?
        .map_or(Ok(0), |row| row.int("effects"))?
        > 0;
    let here = outline
        .step(work.step_index)
        .filter(|step| step.undo && written && !work.undoing);
    let next = here.map(|_| work.step_index).or_else(|| {
        undo_places(outline, &marks)
            .into_iter()
            .find(|place| *place < work.step_index || !work.undoing)
    });
    let exception = next.map(|_| decision.exception.id);
    place(tx, core, work, next, true, exception).await?;
    if next.is_none() {
        exceptions::close(tx, core, decision.exception.id, ExceptionState::Resolved).await?;
    }
    Ok(())
}

/// Puts an instance that no worker has at a step.
async fn place(
    tx: &mut Tx,
    core: &Core,
    work: &Work,
    next: Option<i64>,
    undoing: bool,
    exception: Option<CanonicalId>,
) -> Result<()> {
    let now = canonical_model::clock::now();
    let (status, due, ended) = match next {
        Some(_) => ("ready", Some(now), None),
        None if undoing => ("compensated", None, Some(now)),
        None => ("done", None, Some(now)),
    };
    let index = next.unwrap_or(if undoing { -1 } else { work.step_index + 1 });
    let name = core
        .outline(&work.process, work.version)
        .map_or("", |outline| outline.step_name(index));
    let sql = "UPDATE engine_instances SET status = $2, due_ms = $3, ended_ms = $4, step_index = $5, step_name = $6,
            direction = $7, sequence = sequence + 1, step_since_ms = $8, exception_id = $9, attempt = 0,
            retry_since_ms = NULL, answer = NULL, last_failure = NULL, updated_ms = $8
        WHERE id = $1";
    let values = args![
        work.id,
        status,
        due,
        ended,
        index,
        name,
        direction(undoing),
        now,
        exception
    ];
    tx.execute(sql, values).await.map(|_| ())
}

/// Items by process and decision.
fn pages(items: Vec<Decision>) -> Vec<Vec<Decision>> {
    let mut pages: BTreeMap<(String, i64, String, String), Vec<Decision>> = BTreeMap::new();
    for item in items {
        let of = (
            item.exception.process.clone(),
            item.version,
            item.decided.clone(),
            item.resolver.clone(),
        );
        pages.entry(of).or_default().push(item);
    }
    pages.into_values().collect()
}

/// Hands items to their process at once, where it takes them so. Gives back those that have to be handed in one by one.
async fn settle_page<Sv: Send + Sync + 'static>(
    inner: &Arc<Inner<Sv>>,
    page: Vec<Decision>,
) -> Vec<Decision> {
    let Some(first) = page.first().filter(|_| page.len() > 1) else {
        return page;
    };
    let Some(process) = inner.process(&first.exception.process, first.version) else {
        return page;
    };
    let ctx = GroupContext {
        services: Arc::clone(&inner.services),
        decided_at: canonical_model::clock::now(),
        pending: Pending::default(),
    };
    let keys: Vec<String> = page.iter().map(|item| item.item_key.clone()).collect();
    let Some(handed) = process.on_group(&ctx, &keys, &first.resolution) else {
        return page;
    };
    let settled = match handed.await {
        Ok(()) => close_page(&inner.core, first, page.len(), ctx.pending.take()).await,
        Err(failure) => Err(failure),
    };
    match settled {
        Ok(()) => Vec::new(),
        Err(failure) => {
            tracing::info!(items = page.len(), code = %failure.code, detail = failure.detail,
                "a page of items could not be resolved at once");
            page
        }
    }
}

async fn close_page(core: &Arc<Core>, of: &Decision, count: usize, leavings: Leavings) -> Result<()> {
    let process = of.exception.process.clone();
    let (token, decided, resolver) = (of.token.clone(), of.decided.clone(), of.resolver.clone());
    let (version, state) = (of.version, closed_as(of.resolution.action));
    let for_tx = Arc::clone(core);
    core.db
        .write(move |tx| {
            Box::pin(async move {
                let page = (
                    token.as_str(),
                    process.as_str(),
                    version,
                    decided.as_str(),
                    resolver.as_str(),
                );
                if exceptions::close_page(tx, &for_tx, page, state).await? != count {
                    return Err(crate::work::lease_lost());
                }
                transition::run_hooks(tx, leavings.hooks).await
            })
        })
        .await
}

fn closed_as(action: ResolutionAction) -> ExceptionState {
    match action {
        ResolutionAction::Skip => ExceptionState::Skipped,
        _ => ExceptionState::Resolved,
    }
}

/// Hands an item to its process; what the process leaves commits with the end of the exception.
async fn settle_item<Sv: Send + Sync + 'static>(inner: &Arc<Inner<Sv>>, decision: Decision) {
    let id = decision.exception.id;
    let Some(process) = inner.process(&decision.exception.process, decision.version) else {
        tracing::warn!(exception.id = %id, "no such process here");
        return;
    };
    let ctx = ItemContext {
        core: Arc::clone(&inner.core),
        services: Arc::clone(&inner.services),
        exception: decision.exception.clone(),
        actor: decision.resolver.clone(),
        decided_at: canonical_model::clock::now(),
        pending: Pending::default(),
    };
    let result = process
        .on_item(&ctx, &decision.item_key, &decision.resolution)
        .await;
    let mut leavings = ctx.pending.take();
    let result = leavings.failure.take().map_or(result, Err);
    let committed = match result {
        Ok(()) => close_item(&inner.core, &decision, leavings).await,
        Err(failure) => Err(failure),
    };
    if let Err(failure) = committed {
        tracing::info!(exception.id = %id, code = %failure.code, detail = failure.detail, "an item's resolution failed");
        if let Err(failure) = put_back(&inner.core, decision, failure).await {
            tracing::warn!(exception.id = %id, code = %failure.code, detail = failure.detail, "cannot put an item back");
        }
    }
}

async fn close_item(core: &Arc<Core>, decision: &Decision, leavings: Leavings) -> Result<()> {
    let (id, token) = (decision.exception.id, decision.token.clone());
    let correlation_id = decision.exception.correlation_id.clone();
    let state = closed_as(decision.resolution.action);
    let for_tx = Arc::clone(core);
    core.db
        .write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE engine_exceptions SET work_ms = NULL WHERE id = $1 AND work_token = $2";
                if tx.execute(sql, args![id, token]).await? == 0 {
                    return Err(crate::work::lease_lost());
                }
                transition::run_hooks(tx, leavings.hooks).await?;
                transition::tell_all(tx, &for_tx, leavings.events, &correlation_id).await?;
                exceptions::close(tx, &for_tx, id, state).await
            })
        })
        .await
}

/// After a failure: later again where that can help, to the person where it cannot.
async fn put_back(core: &Arc<Core>, decision: Decision, failure: Failure) -> Result<()> {
    if failure.code == "lease_lost" {
        return Ok(());
    }
    let for_tx = Arc::clone(core);
    core.db
        .write(move |tx| {
            Box::pin(async move {
                let core = for_tx;
                let retry = &core.settings.retry;
                let doublings = u32::try_from(decision.tries).unwrap_or(u32::MAX).min(20);
                let pause = retry.first_ms.saturating_mul(1 << doublings).min(retry.max_ms);
                if failure.is_transient() && pause < retry.budget_ms && doublings < 20 {
                    let sql = "UPDATE engine_exceptions SET work_ms = $3, work_token = NULL, work_tries = work_tries + 1
                        WHERE id = $1 AND work_token = $2";
                    let at = canonical_model::clock::now() + millis(pause.max(failure.retry_after_ms.unwrap_or_default()));
                    return tx.execute(sql, args![decision.exception.id, decision.token, at]).await.map(|_| ());
                }
                let sql = "UPDATE engine_exceptions SET work_tries = 0 WHERE id = $1 AND work_token = $2";
                if tx.execute(sql, args![decision.exception.id, decision.token]).await? == 0 {
                    return Ok(());
                }
                let outline = core.outline(&decision.exception.process, decision.version);
                let subject = decision.exception.cause.subject;
                exceptions::reopen(tx, &core, outline, decision.exception.id, &failure, &subject).await
            })
        })
        .await
}
