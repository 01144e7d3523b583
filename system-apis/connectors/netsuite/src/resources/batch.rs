//! NetSuite's bulk form: a collection of upserts as one asynchronous job, answered record by record.
//!
//! "Succeeded" of a job or task means processed: only the task's result says how a record went. A record that NetSuite
//! shows as it was sent needs no look at its result, which saves a call for each of them.

use std::collections::BTreeMap;

use canonical_model::{Failure, Resource, Result, Write, WriteResult, Written};
use serde_json::Value;
use uuid::Uuid;

use super::Shared;
use crate::client::Submitted;

/// One record of a batch.
pub(crate) struct Item<'a, T> {
    /// The write that it comes from.
    pub(crate) write: &'a Write<T>,
    /// Its body, with our key as external id.
    pub(crate) body: Value,
}

/// Where a batch's records were found as they were sent: our key to the record's id.
pub(crate) type Proven = BTreeMap<String, String>;

/// Turns the id of a vendor record into that of the canonical one.
pub(crate) type Named = fn(String) -> String;

/// Sends items in batches. `outcomes` gets one result an item, by our key.
pub(crate) async fn send<T, P, F>(
    shared: &Shared,
    object: &str,
    items: &[Item<'_, T>],
    named: Named,
    prove: P,
    outcomes: &mut BTreeMap<String, Result<Written>>,
) where
    T: Resource,
    P: Fn(Vec<Write<T>>) -> F + Send + Sync,
    F: Future<Output = Result<Proven>> + Send,
{
    let size = usize::try_from(shared.settings.limits.batch_size).unwrap_or(1);
    for batch in items.chunks(size.max(1)) {
        let results = match one(shared, object, batch, &prove).await {
            Ok(results) => results,
            Err(failure) => batch.iter().map(|_| Err(failure.clone())).collect(),
        };
        for (item, result) in batch.iter().zip(results) {
            let written = result.map(|id| Written {
                id: named(id),
                code: None,
                version: None,
                created: None,
            });
            outcomes.insert(item.write.key.to_string(), written.map_err(|f| shared.met(f)));
        }
    }
}

/// The results of writes, from the outcomes by key.
pub(crate) fn in_order<T: Resource>(
    writes: &[Write<T>],
    outcomes: &BTreeMap<String, Result<Written>>,
) -> Vec<WriteResult> {
    let lost =
        || Err(Failure::fault("result_missing", "a write of a batch was not answered").outcome_unknown());
    let result = |write: &Write<T>| {
        let outcome = outcomes.get(write.key.as_str()).cloned().unwrap_or_else(lost);
        WriteResult::new(write.key.clone(), outcome)
    };
    writes.iter().map(result).collect()
}

async fn one<T, P, F>(
    shared: &Shared,
    object: &str,
    batch: &[Item<'_, T>],
    prove: &P,
) -> Result<Vec<Result<String>>>
where
    T: Resource,
    P: Fn(Vec<Write<T>>) -> F + Send + Sync,
    F: Future<Output = Result<Proven>> + Send,
{
    let bodies: Vec<Value> = batch.iter().map(|item| item.body.clone()).collect();
    let key = idempotency_key(object, &bodies);
    let earlier = match shared.client.submit(object, &bodies, &key.to_string()).await? {
        Submitted::Job(job) => return collect(shared, &job, batch, prove).await,
        Submitted::Earlier(job) => job,
    };
    // The same batch was handed in before. What it wrote is adopted; what it refused may be taken by now (the period is
    // open again), so it is handed in again. The external id keeps each record single.
    let mut results = collect(shared, &earlier, batch, prove).await?;
    let again: Vec<usize> = results
        .iter()
        .enumerate()
        .filter(|(_, result)| result.as_ref().is_err_and(|failure| !failure.is_unknown()))
        .map(|(at, _)| at)
        .collect();
    if again.is_empty() {
        return Ok(results);
    }
    let rest: Vec<Item<'_, T>> = again
        .iter()
        .filter_map(|at| batch.get(*at))
        .map(|item| Item {
            write: item.write,
            body: item.body.clone(),
        })
        .collect();
    let bodies: Vec<Value> = rest.iter().map(|item| item.body.clone()).collect();
    let job = match shared
        .client
        .submit(object, &bodies, &Uuid::new_v4().to_string())
        .await?
    {
        Submitted::Job(job) | Submitted::Earlier(job) => job,
    };
    for (at, result) in again.into_iter().zip(collect(shared, &job, &rest, prove).await?) {
        if let Some(place) = results.get_mut(at) {
            *place = result;
        }
    }
    Ok(results)
}

/// The ids, or failures, of a job's tasks in the order of the items. A failure of the whole leaves all outcomes unknown.
async fn collect<T, P, F>(
    shared: &Shared,
    job: &str,
    batch: &[Item<'_, T>],
    prove: &P,
) -> Result<Vec<Result<String>>>
where
    T: Resource,
    P: Fn(Vec<Write<T>>) -> F + Send + Sync,
    F: Future<Output = Result<Proven>> + Send,
{
    shared
        .client
        .finished(job)
        .await
        .map_err(Failure::outcome_unknown)?;
    let writes = batch.iter().map(|item| item.write.clone()).collect();
    // A look-up that fails proves nothing: the results are asked for.
    let proven = prove(writes).await.unwrap_or_default();
    let result = async |at: usize, item: &Item<'_, T>| match proven.get(item.write.key.as_str()) {
        Some(id) => Ok(id.clone()),
        None => {
            let what = format!("{} {}", T::NAME.replace('_', " "), item.write.key);
            let asked = shared.client.task_result(job, at + 1, &what).await;
            // No answer about a write is doubt, an answer is not.
            asked.map_err(|failure| {
                if unanswered(&failure) {
                    failure.outcome_unknown()
                } else {
                    failure
                }
            })
        }
    };
    let calls: Vec<_> = batch
        .iter()
        .enumerate()
        .map(|(at, item)| result(at, item))
        .collect();
    Ok(shared.in_turn(calls).await)
}

/// Whether it was our question that failed, not the write.
fn unanswered(failure: &Failure) -> bool {
    const QUESTION: [&str; 7] = [
        "no_answer",
        "timeout",
        "connection_failed",
        "own_limit_reached",
        "vendor_limit_reached",
        "vendor_unavailable",
        "credentials_refused",
    ];
    QUESTION.contains(&failure.code.as_str())
}

/// The same for the same batch, whoever sends it and however often.
fn idempotency_key(object: &str, bodies: &[Value]) -> Uuid {
    let content = Value::Array(bodies.to_vec()).to_string();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{object} {content}").as_bytes())
}
