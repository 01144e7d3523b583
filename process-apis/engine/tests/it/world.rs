//! A system of record in memory: upserts by key, counts, and misbehaves when told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use canonical_model::{EffectKey, Failure, Result, WriteResult, Written};
use process_engine::{EffectCall, StepContext};
use tokio::sync::Notify;

/// What the next write does.
#[derive(Debug, Clone)]
pub(crate) enum Next {
    /// Writes and loses the answer.
    LoseAfter,
    /// Loses the request.
    LoseBefore,
    /// Refuses.
    Refuse(Failure),
}

#[derive(Default)]
pub(crate) struct World {
    records: Mutex<BTreeMap<String, String>>,
    calls: Mutex<Vec<String>>,
    next: Mutex<VecDeque<Next>>,
    /// Found nothing although it was written.
    pub(crate) blind: std::sync::atomic::AtomicBool,
    /// Steps of tests that meet each other.
    pub(crate) reached: Notify,
    pub(crate) go_on: Notify,
}

impl World {
    pub(crate) fn will(&self, next: Next) {
        self.next.lock().unwrap().push_back(next);
    }

    pub(crate) async fn write(&self, key: &EffectKey, content: &str) -> Result<Written> {
        self.calls.lock().unwrap().push(content.to_owned());
        let next = self.next.lock().unwrap().pop_front();
        match next {
            Some(Next::LoseBefore) => return Err(lost()),
            Some(Next::Refuse(failure)) => return Err(failure),
            _ => {}
        }
        let created = self
            .records
            .lock()
            .unwrap()
            .insert(key.to_string(), content.to_owned())
            .is_none();
        match next {
            Some(Next::LoseAfter) => Err(lost()),
            _ => Ok(written(key, Some(created))),
        }
    }

    pub(crate) async fn write_all(&self, items: Vec<(EffectKey, String)>) -> Result<Vec<WriteResult>> {
        let mut results = Vec::new();
        for (key, content) in items {
            let result = self.write(&key, &content).await;
            results.push(WriteResult::new(key, result));
        }
        Ok(results)
    }

    pub(crate) async fn find(&self, key: &EffectKey) -> Result<Option<Written>> {
        let blind = self.blind.load(std::sync::atomic::Ordering::SeqCst);
        let found = self.records.lock().unwrap().contains_key(key.as_str());
        Ok((found && !blind).then(|| written(key, Some(false))))
    }

    pub(crate) fn remove(&self, key: &str) {
        self.records.lock().unwrap().remove(key);
    }

    /// The contents of all records, in order.
    pub(crate) fn contents(&self) -> Vec<String> {
        let mut contents: Vec<_> = self.records.lock().unwrap().values().cloned().collect();
        contents.sort();
        contents
    }

    /// Writes that were asked for.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

fn lost() -> Failure {
    Failure::transient("no_answer", "the answer was lost").outcome_unknown()
}

fn written(key: &EffectKey, created: Option<bool>) -> Written {
    Written {
        id: key.to_string(),
        code: None,
        version: None,
        created,
    }
}

/// One write as steps of tests do it.
pub(crate) async fn put(ctx: &StepContext<World>, what: &str) -> Result<Written> {
    let world = ctx.services();
    let send = |key: EffectKey| async move { world.write(&key, what).await };
    let find = |key: EffectKey| async move { world.find(&key).await };
    let call: EffectCall<'_, _, _> = ctx.effect("erp/main note", what, &what, send, find);
    call.await
}

/// The same for a system that does not at once find what it wrote.
pub(crate) async fn put_eventually(ctx: &StepContext<World>, what: &str) -> Result<Written> {
    let world = ctx.services();
    let send = |key: EffectKey| async move { world.write(&key, what).await };
    let find = |key: EffectKey| async move { world.find(&key).await };
    ctx.effect("erp/main note", what, &what, send, find)
        .eventual()
        .await
}
