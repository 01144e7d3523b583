//! Connections that are paused: who waits for them, kept over a new start, let go on when they are back.
//!
//! An instance whose step meets a paused connection is put aside and counts no try. When a probe is due, one of those that
//! wait for the connection is let go: its call is the probe. When the connection is back, all are.
//!
//! Workers whose steps wait for a connection that has become slow are replaced beyond that connection's share, so that
//! the others have as many as before: at most as many again for each connection.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use canonical_model::Result;
use chrono::{DateTime, Utc};
use circuits::Pause;
use persistence::args;
use tokio::sync::Semaphore;

use crate::Desk;
use crate::core::Core;
use crate::engine::Inner;
use crate::work::json;

/// Instances let go by one statement.
const AT_ONCE: usize = 1000;
/// Milliseconds between two looks for instances that another process has put aside, and may not be there to let go.
const LOOK_FOR_OTHERS_EVERY_MS: i64 = 2_000;
/// How often slow connections are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A connection that is not called, and what waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PausedConnection {
    /// Since when, why, and when it is asked again.
    pub pause: Pause,
    /// Instances that wait for it.
    pub waiting: u64,
}

impl Desk {
    /// The connections that this process does not call at present, by name.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn paused_connections(&self) -> Result<Vec<PausedConnection>> {
        let pauses = self.core.circuits.pauses();
        if pauses.is_empty() {
            return Ok(Vec::new());
        }
        let waiting = waiting(&self.core).await?;
        let paused = pauses.into_iter().map(|pause| PausedConnection {
            waiting: waiting.get(&pause.connection).copied().unwrap_or_default(),
            pause,
        });
        Ok(paused.collect())
    }
}

/// Takes up the pauses from before.
pub(crate) async fn restore(core: &Core) -> Result<()> {
    let rows = core.db.read(|tx| {
        Box::pin(async move {
            tx.all("SELECT pause FROM engine_pauses ORDER BY connection", args![])
                .await
        })
    });
    for row in rows.await? {
        core.circuits.restore(row.json("pause")?);
    }
    Ok(())
}

/// Keeps what is paused, and sees to it that the others have workers, until the engine stops.
pub(crate) async fn follow<Sv: Send + Sync + 'static>(inner: Arc<Inner<Sv>>) {
    let core = &inner.core;
    let mut changes = core.circuits.changes();
    let mut kept = core.circuits.pauses();
    let mut known = BTreeSet::new();
    let mut lent = 0;
    while !inner.stopping.is_cancelled() {
        changes.borrow_and_update();
        // Somebody may go on now.
        core.work.notify_one();
        if let Err(failure) = keep(core, &mut kept).await {
            tracing::warn!(code = %failure.code, detail = failure.detail, "pauses cannot be kept");
        }
        lend(core, &inner.workers, &mut lent);
        publish(core, &kept, &mut known);
        tokio::select! {
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = inner.stopping.cancelled() => {}
        }
    }
}

/// Writes down what is paused, where that has changed.
async fn keep(core: &Arc<Core>, kept: &mut Vec<Pause>) -> Result<()> {
    let pauses = core.circuits.pauses();
    if pauses == *kept {
        return Ok(());
    }
    let over = kept.iter().map(|pause| pause.connection.clone());
    let over: Vec<String> = over
        .filter(|connection| pauses.iter().all(|pause| pause.connection != *connection))
        .collect();
    let rows = pauses
        .iter()
        .map(|pause| Ok(args![&pause.connection, json(pause)?]))
        .collect::<Result<Vec<_>>>()?;
    core.db
        .write(move |tx| {
            Box::pin(async move {
                for connection in over {
                    tx.execute(
                        "DELETE FROM engine_pauses WHERE connection = $1",
                        args![connection],
                    )
                    .await?;
                }
                let end = "ON CONFLICT (connection) DO UPDATE SET pause = excluded.pause";
                tx.insert("INSERT INTO engine_pauses (connection, pause)", rows, end)
                    .await
                    .map(|_| ())
            })
        })
        .await?;
    *kept = pauses;
    Ok(())
}

/// Lets as many go on as their connections take, the longest waiting first.
pub(crate) async fn let_go(core: &Arc<Core>) -> Result<()> {
    let now = canonical_model::clock::now().timestamp_millis();
    let seen = core.held_seen_ms.load(Ordering::SeqCst);
    if !core.anybody_held.swap(false, Ordering::SeqCst) && now - seen < LOOK_FOR_OTHERS_EVERY_MS {
        return Ok(());
    }
    core.held_seen_ms.store(now, Ordering::SeqCst);
    let names = core.db.read(|tx| {
        Box::pin(async move {
            let sql = "SELECT DISTINCT waits_for FROM engine_instances WHERE waits_for IS NOT NULL";
            tx.all(sql, args![]).await
        })
    });
    let names = names
        .await
        .inspect_err(|_| core.anybody_held.store(true, Ordering::SeqCst))?;
    if !names.is_empty() {
        core.anybody_held.store(true, Ordering::SeqCst);
    }
    for row in names {
        let connection = row.text("waits_for")?;
        let limit = core.circuits.room(&connection, core.share()).min(AT_ONCE);
        if limit == 0 {
            continue;
        }
        let gone = core.db.write(move |tx| {
            Box::pin(async move {
                let sql = "UPDATE engine_instances SET waits_for = NULL WHERE id IN (
                    SELECT id FROM engine_instances WHERE waits_for = $1 ORDER BY due_ms LIMIT $2)";
                let limit = i64::try_from(limit).unwrap_or(1);
                tx.execute(sql, args![connection, limit]).await
            })
        });
        gone.await?;
    }
    Ok(())
}

/// When somebody who waits may find out whether a connection is back.
pub(crate) fn next_probe_at(core: &Core) -> Option<DateTime<Utc>> {
    let held = core.anybody_held.load(Ordering::SeqCst);
    held.then(|| core.circuits.next_probe_at()).flatten()
}

/// Replaces workers that wait for slow connections, and takes the replacements back.
fn lend(core: &Core, workers: &Semaphore, lent: &mut usize) {
    let beyond = core.circuits.beyond(core.share());
    if beyond > *lent {
        workers.add_permits(beyond - *lent);
        *lent = beyond;
    } else {
        // Those that are at work are taken back when they are free.
        *lent -= workers.forget_permits(*lent - beyond);
    }
}

async fn waiting(core: &Core) -> Result<BTreeMap<String, u64>> {
    let rows = core.db.read(|tx| {
        Box::pin(async move {
            let sql = "SELECT waits_for, COUNT(*) AS instances FROM engine_instances
                WHERE waits_for IS NOT NULL GROUP BY waits_for";
            tx.all(sql, args![]).await
        })
    });
    let counted = rows.await?;
    let counted = counted.iter().map(|row| {
        let instances = u64::try_from(row.int("instances")?).unwrap_or_default();
        Ok((row.text("waits_for")?, instances))
    });
    counted.collect()
}

fn publish(core: &Core, paused: &[Pause], known: &mut BTreeSet<String>) {
    known.extend(paused.iter().map(|pause| pause.connection.clone()));
    for connection in known.iter() {
        let is_paused = paused.iter().any(|pause| pause.connection == *connection);
        let labels = [("api", core.source.clone()), ("connection", connection.clone())];
        metrics::gauge!("connection_paused", &labels).set(if is_paused { 1.0 } else { 0.0 });
    }
}
