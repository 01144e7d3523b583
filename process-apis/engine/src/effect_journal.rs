//! The journal of effects: written before anything is sent, and after it was answered.

use std::collections::HashMap;
use std::sync::Arc;

use canonical_model::{EffectKey, Failure, Result, Written};
use chrono::{DateTime, Utc};
use persistence::{Row, Tx, Value, args};

use crate::core::Core;
use crate::view::{EffectState, EffectView};
use crate::work::{Work, from_word, json, word};

/// The effects of the step in hand.
#[derive(Clone)]
pub(crate) struct EffectJournal {
    pub(crate) core: Arc<Core>,
    pub(crate) work: Arc<Work>,
    pub(crate) last_try: bool,
}

/// What the journal says of an effect.
pub(crate) struct Known {
    pub(crate) digest: String,
    pub(crate) state: EffectState,
    pub(crate) written: Option<Written>,
    pub(crate) sends: i64,
    pub(crate) first_at: DateTime<Utc>,
}

/// What to journal of an effect.
pub(crate) struct Entry {
    pub(crate) key: EffectKey,
    pub(crate) what: String,
    pub(crate) digest: String,
    pub(crate) state: EffectState,
    pub(crate) written: Option<Written>,
    pub(crate) failure: Option<Failure>,
    pub(crate) sends: i64,
    pub(crate) first_at: DateTime<Utc>,
}

impl EffectJournal {
    /// What is known of this step's effects, by key.
    pub(crate) async fn known(&self) -> Result<HashMap<String, Known>> {
        let (id, step) = (self.work.id, self.work.label());
        let rows = self.core.db.read(move |tx| {
            Box::pin(async move {
                let sql = "SELECT * FROM engine_effects WHERE instance_id = $1 AND step = $2";
                tx.all(sql, args![id, step]).await
            })
        });
        rows.await?
            .iter()
            .map(|row| Ok((row.text("key")?, known(row)?)))
            .collect()
    }

    /// Journals effects, all in one transaction, while the lease holds. An applied one is told.
    pub(crate) async fn write(&self, target: &str, entries: Vec<Entry>) -> Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let (core, work, target) = (Arc::clone(&self.core), Arc::clone(&self.work), target.to_owned());
        let states: Vec<_> = entries.iter().map(|entry| entry.state).collect();
        let written = self.core.db.write(move |tx| {
            Box::pin(async move {
                work.hold(tx, &core).await?;
                insert(tx, &core, &work, &target, entries).await
            })
        });
        written.await?;
        for state in states.into_iter().filter(|state| *state != EffectState::Sent) {
            let labels = [("process", self.work.process.clone()), ("outcome", word(&state)?)];
            metrics::counter!("process_effects_total", &labels).increment(1);
        }
        Ok(())
    }
}

async fn insert(tx: &mut Tx, core: &Core, work: &Work, target: &str, entries: Vec<Entry>) -> Result<()> {
    let (now, step) = (canonical_model::clock::now(), work.label());
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        rows.push(row(work, &step, target, &entry, now)?);
        if entry.state == EffectState::Applied {
            let view = view(work, &step, target, entry, now);
            let data = serde_json::to_value(&view).unwrap_or_default();
            let event = core.event("effect.applied", &work.business_key, &work.correlation_id, data);
            persistence::outbox::append(tx, &event).await?;
        }
    }
    let insert =
        "INSERT INTO engine_effects (instance_id, key, step, target, what, digest, status, written, failure,
        sends, first_ms, last_ms)";
    let end = "ON CONFLICT (instance_id, key) DO UPDATE SET step = excluded.step, target = excluded.target,
        what = excluded.what, digest = excluded.digest, status = excluded.status, written = excluded.written,
        failure = excluded.failure, sends = excluded.sends, last_ms = excluded.last_ms";
    tx.insert(insert, rows, end).await.map(|_| ())
}

fn row(work: &Work, step: &str, target: &str, entry: &Entry, now: DateTime<Utc>) -> Result<Vec<Value>> {
    Ok(args![
        work.id,
        entry.key.as_str(),
        step,
        target,
        &entry.what,
        &entry.digest,
        word(&entry.state)?,
        entry.written.as_ref().map(json).transpose()?,
        entry.failure.as_ref().map(json).transpose()?,
        entry.sends,
        entry.first_at,
        now,
    ])
}

fn view(work: &Work, step: &str, target: &str, entry: Entry, now: DateTime<Utc>) -> EffectView {
    EffectView {
        key: entry.key,
        instance_id: work.id,
        process: work.process.clone(),
        business_key: work.business_key.clone(),
        step: step.to_owned(),
        target: target.to_owned(),
        what: entry.what,
        digest: entry.digest,
        state: entry.state,
        written: entry.written,
        failure: entry.failure,
        sends: entry.sends,
        first_at: entry.first_at,
        last_at: now,
    }
}

fn known(row: &Row) -> Result<Known> {
    Ok(Known {
        digest: row.text("digest")?,
        state: from_word(row.text("status")?)?,
        written: row.opt_json("written")?,
        sends: row.int("sends")?,
        first_at: row.time("first_ms")?,
    })
}
