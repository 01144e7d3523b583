//! Claiming instances that are due, renewing their leases, counting them.

use std::sync::Arc;
use std::time::Duration;

use canonical_model::Result;
use chrono::{DateTime, Utc};
use persistence::args;
use tokio::sync::Semaphore;

use crate::core::Core;
use crate::engine::Inner;
use crate::work::Work;
use crate::{pauses, run};

/// Instances claimed at once at most.
const MOST_AT_ONCE: usize = 64;
/// Time between two counts of instances.
const COUNT_EVERY: Duration = Duration::from_secs(15);

macro_rules! claim_sql {
    ($lock:literal) => {
        concat!(
            "WITH due AS MATERIALIZED (
                SELECT id FROM engine_instances WHERE due_ms <= $3 AND waits_for IS NULL ORDER BY due_ms LIMIT $4",
            $lock,
            ") UPDATE engine_instances
            SET status = 'running', lease_owner = $1, due_ms = $2, fence = fence + 1, updated_ms = $3
            WHERE id IN (SELECT id FROM due) RETURNING *"
        )
    };
}

/// Hands due instances to workers until the engine stops.
pub(crate) async fn dispatch<Sv: Send + Sync + 'static>(inner: Arc<Inner<Sv>>) {
    let free = Arc::clone(&inner.workers);
    let poll = Duration::from_millis(inner.core.settings.poll_ms.max(1));
    while !inner.stopping.is_cancelled() {
        let room = free.available_permits().min(MOST_AT_ONCE);
        let pause = match claim(&inner.core, room).await {
            Ok((works, _)) if !works.is_empty() => {
                works.into_iter().for_each(|work| hand_over(&inner, &free, work));
                Duration::ZERO
            }
            Ok((_, next)) => next.map_or(poll, |due| until(due).min(poll)),
            Err(failure) => {
                tracing::warn!(code = %failure.code, detail = failure.detail, "cannot look for work");
                poll
            }
        };
        if free.available_permits() == 0 {
            tokio::select! {
                _ = free.acquire() => {}
                () = inner.stopping.cancelled() => {}
            }
        } else if !pause.is_zero() {
            tokio::select! {
                () = inner.core.work.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = inner.stopping.cancelled() => {}
            }
        }
    }
}

fn hand_over<Sv: Send + Sync + 'static>(inner: &Arc<Inner<Sv>>, free: &Arc<Semaphore>, work: Work) {
    let permit = Arc::clone(free).try_acquire_owned();
    let (inner, free) = (Arc::clone(inner), Arc::clone(free));
    let (id, fence, correlation_id) = (work.id, work.fence, work.correlation_id.clone());
    inner.hold(id, fence);
    let tasks = inner.tasks.clone();
    tasks.spawn(async move {
        // There is room for all that were claimed, as only the dispatcher takes it.
        let _permit = match permit {
            Ok(permit) => Some(permit),
            Err(_) => free.acquire_owned().await.ok(),
        };
        let body = Box::pin(run::run(Arc::clone(&inner), work));
        let body = match &inner.around {
            Some(around) => around(correlation_id, body),
            None => body,
        };
        tokio::select! {
            () = body => {}
            () = inner.killed.cancelled() => {}
        }
        inner.release(id, fence);
        inner
            .core
            .moved
            .send_modify(|count| *count = count.wrapping_add(1));
    });
}

fn until(due: DateTime<Utc>) -> Duration {
    (due - canonical_model::clock::now())
        .to_std()
        .unwrap_or_default()
        .max(Duration::from_millis(1))
}

/// Takes instances that are due, at most so many; and when the next one is due.
pub(crate) async fn claim(core: &Arc<Core>, room: usize) -> Result<(Vec<Work>, Option<DateTime<Utc>>)> {
    pauses::let_go(core).await?;
    let next = core.db.read(|tx| {
        Box::pin(async move {
            let sql =
                "SELECT MIN(due_ms) AS due_ms FROM engine_instances WHERE due_ms IS NOT NULL AND waits_for IS NULL";
            tx.one(sql, args![])
                .await?
                .map_or(Ok(None), |row| row.opt_time("due_ms"))
        })
    });
    let next = next.await?;
    if room == 0 || next.is_none_or(|due| due > canonical_model::clock::now()) {
        let probe = pauses::next_probe_at(core);
        return Ok((Vec::new(), next.into_iter().chain(probe).min()));
    }
    let (owner, lease_core) = (core.owner.clone(), Arc::clone(core));
    let rows = core.db.write(move |tx| {
        Box::pin(async move {
            let now = canonical_model::clock::now();
            let sql = tx.by_engine(claim_sql!(""), claim_sql!(" FOR UPDATE SKIP LOCKED"));
            let limit = i64::try_from(room).unwrap_or(1);
            tx.all(sql, args![owner, lease_core.lease_end(now), now, limit])
                .await
        })
    });
    let rows = rows.await?;
    let works = rows.iter().filter_map(|row| match Work::from_row(row) {
        Ok(work) => Some(work),
        Err(failure) => {
            tracing::error!(code = %failure.code, detail = failure.detail, "an instance cannot be read");
            None
        }
    });
    Ok((works.collect(), next))
}

/// Renews the leases of all instances in hand at a third of the lease, until the engine has stopped.
pub(crate) async fn renew<Sv: Send + Sync + 'static>(inner: Arc<Inner<Sv>>) {
    let third = Duration::from_millis((inner.core.settings.lease_ms / 3).max(1));
    loop {
        tokio::select! {
            () = tokio::time::sleep(third) => {}
            () = inner.stopped.cancelled() => return,
        }
        let held = inner.held();
        if held.is_empty() {
            continue;
        }
        let core = Arc::clone(&inner.core);
        let renewed = inner.core.db.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE engine_instances SET due_ms = $4
                    WHERE id = $1 AND fence = $2 AND status = 'running' AND due_ms > $3";
                for (id, fence) in held {
                    let now = canonical_model::clock::now();
                    tx.execute(sql, args![id, fence, now, core.lease_end(now)])
                        .await?;
                }
                Ok(())
            })
        });
        if let Err(failure) = renewed.await {
            tracing::warn!(code = %failure.code, detail = failure.detail, "cannot renew leases");
        }
    }
}

/// Publishes how many instances stand where.
pub(crate) async fn count<Sv: Send + Sync + 'static>(inner: Arc<Inner<Sv>>) {
    loop {
        if let Err(failure) = publish(&inner.core).await {
            tracing::debug!(code = %failure.code, "cannot count instances");
        }
        tokio::select! {
            () = tokio::time::sleep(COUNT_EVERY) => {}
            () = inner.stopping.cancelled() => return,
        }
    }
}

async fn publish(core: &Core) -> Result<()> {
    let rows = core.db.read(|tx| {
        Box::pin(async move {
            let sql = "SELECT process, status, COUNT(*) AS instances FROM engine_instances GROUP BY process, status";
            tx.all(sql, args![]).await
        })
    });
    for row in rows.await? {
        let labels = [("process", row.text("process")?), ("state", row.text("status")?)];
        let count = u32::try_from(row.int("instances")?).unwrap_or(u32::MAX);
        metrics::gauge!("process_instances", &labels).set(f64::from(count));
    }
    Ok(())
}
