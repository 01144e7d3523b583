//! Effects: one effect for one key, however often the step runs and whatever becomes of the answers.
//!
//! An effect is journalled as sent, sent, and journalled as answered. An answer that leaves doubt is settled by looking
//! the key up: found, it is adopted; not found where the vendor reads what it wrote, it is sent again under the same
//! key; not found elsewhere, a person has to look. A crash between any two of these is an answer that leaves doubt.

use std::collections::HashMap;
use std::future::{Future, IntoFuture};

#[cfg(feature = "simulation")]
use canonical_model::simulation::{Defect, planted};
use canonical_model::{EffectKey, Failure, Result, WriteResult, Written};
use chrono::Utc;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::effect_journal::{EffectJournal, Entry, Known};
use crate::fault::{Fault, Point};
use crate::view::EffectState;

/// Effects of one call at most: what the bulk forms of vendors and our own system APIs take.
const MOST_AT_ONCE: usize = 1000;
/// Times that one call sends an effect: once, and once more after a look-up found nothing.
const SENDS: usize = 2;
/// Look-ups at the same time.
const LOOK_UPS: usize = 8;

/// One effect, done when awaited. See [`crate::StepContext::effect`].
#[must_use = "an effect happens when it is awaited"]
pub struct EffectCall<'a, S, F> {
    call: EffectsCall<'a, S, F>,
}

/// Many effects, done when awaited. See [`crate::StepContext::effects`].
#[must_use = "effects happen when they are awaited"]
pub struct EffectsCall<'a, S, F> {
    batch: Result<Batch>,
    send: S,
    find: F,
    scope: std::marker::PhantomData<&'a ()>,
}

impl<S, F> EffectCall<'_, S, F> {
    pub(crate) fn new(
        journal: EffectJournal,
        target: &str,
        what: &str,
        key: EffectKey,
        request: &impl Serialize,
        send: S,
        find: F,
    ) -> Self {
        let batch = serde_json::to_value(request)
            .map_err(|error| unwritable(&error))
            .and_then(|request| Batch::new(journal, target, vec![(key, what.to_owned(), request)]));
        Self {
            call: EffectsCall {
                batch,
                send,
                find,
                scope: std::marker::PhantomData,
            },
        }
    }

    /// For a vendor that does not at once find what it wrote: where a look-up finds nothing, a person has to look.
    pub fn eventual(mut self) -> Self {
        self.call = self.call.eventual();
        self
    }
}

impl<S, F> EffectsCall<'_, S, F> {
    pub(crate) fn new(
        journal: EffectJournal,
        target: &str,
        items: Vec<(EffectKey, String, Value)>,
        send: S,
        find: F,
    ) -> Self {
        Self {
            batch: Batch::new(journal, target, items),
            send,
            find,
            scope: std::marker::PhantomData,
        }
    }

    /// As [`EffectCall::eventual`].
    pub fn eventual(mut self) -> Self {
        if let Ok(batch) = &mut self.batch {
            batch.eventual = true;
        }
        self
    }
}

impl<'a, S, SF, F, FF> IntoFuture for EffectCall<'a, S, F>
where
    S: FnMut(EffectKey) -> SF + Send + 'a,
    SF: Future<Output = Result<Written>> + Send + 'a,
    F: FnMut(EffectKey) -> FF + Send + 'a,
    FF: Future<Output = Result<Option<Written>>> + Send + 'a,
{
    type Output = Result<Written>;
    type IntoFuture = BoxFuture<'a, Result<Written>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let EffectsCall {
                batch,
                mut send,
                find,
                ..
            } = self.call;
            let send_all = move |items: Vec<(usize, EffectKey)>| {
                let one = items.into_iter().next().map(|(_, key)| (key.clone(), send(key)));
                async move {
                    match one {
                        Some((key, sent)) => Ok(vec![WriteResult::new(key, sent.await)]),
                        None => Ok(Vec::new()),
                    }
                }
            };
            let results = batch?.run(send_all, find).await?;
            results.into_iter().next().unwrap_or_else(|| Err(no_result()))
        })
    }
}

impl<'a, S, SF, F, FF> IntoFuture for EffectsCall<'a, S, F>
where
    S: FnMut(Vec<(usize, EffectKey)>) -> SF + Send + 'a,
    SF: Future<Output = Result<Vec<WriteResult>>> + Send + 'a,
    F: FnMut(EffectKey) -> FF + Send + 'a,
    FF: Future<Output = Result<Option<Written>>> + Send + 'a,
{
    type Output = Result<Vec<Result<Written>>>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.batch?.run(self.send, self.find).await })
    }
}

/// What a person found out about an effect of unknown outcome, as the answer to its exception:
/// `{"effects": {"<key>": null}}` says that it did not happen, a written record in place of null that it did.
#[derive(Deserialize)]
struct Findings {
    effects: HashMap<String, Option<Written>>,
}

struct Batch {
    journal: EffectJournal,
    target: String,
    eventual: bool,
    items: Vec<Item>,
    findings: HashMap<String, Option<Written>>,
}

struct Item {
    key: EffectKey,
    what: String,
    digest: String,
    sends: i64,
    first_at: chrono::DateTime<Utc>,
    result: Option<Result<Written>>,
}

impl Batch {
    fn new(journal: EffectJournal, target: &str, items: Vec<(EffectKey, String, Value)>) -> Result<Self> {
        if items.len() > MOST_AT_ONCE {
            let message = format!(
                "{} effects in one call; at most {MOST_AT_ONCE} can be",
                items.len()
            );
            return Err(Failure::fault("too_many_effects", message));
        }
        let items: Vec<Item> = items
            .into_iter()
            .map(|(key, what, request)| Item::new(key, what, &request))
            .collect();
        let mut keys: Vec<_> = items.iter().map(|item| &item.key).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Failure::fault(
                "effect_not_unique",
                format!("two effects on {target} have one name"),
            ));
        }
        let findings = journal
            .work
            .answer
            .clone()
            .and_then(|answer| serde_json::from_value(answer).ok());
        Ok(Self {
            journal,
            target: target.to_owned(),
            eventual: false,
            items,
            findings: findings.map_or_else(HashMap::new, |findings: Findings| findings.effects),
        })
    }

    async fn run<S, SF, F, FF>(mut self, mut send: S, mut find: F) -> Result<Vec<Result<Written>>>
    where
        S: FnMut(Vec<(usize, EffectKey)>) -> SF + Send,
        SF: Future<Output = Result<Vec<WriteResult>>> + Send,
        F: FnMut(EffectKey) -> FF + Send,
        FF: Future<Output = Result<Option<Written>>> + Send,
    {
        if self.items.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.journal.known().await?;
        let (mut to_send, doubtful) = self.recall(&known)?;
        if !(to_send.is_empty() && doubtful.is_empty()) {
            // Where nothing can be sent nothing is journalled as sent.
            let connection = self.target.split(' ').next().unwrap_or_default();
            self.journal.core.circuits.check(connection)?;
        }
        to_send.extend(self.settle(doubtful, &mut find).await?);
        to_send.sort_unstable();
        for _ in 0..SENDS {
            if to_send.is_empty() {
                break;
            }
            let doubtful = self.send(to_send, &mut send).await?;
            to_send = self.settle(doubtful, &mut find).await?;
        }
        if !to_send.is_empty() {
            let message = format!("{} gave no answer that says whether it was written", self.target);
            return Err(Failure::transient("answer_lost", message).outcome_unknown());
        }
        self.conclude()
    }

    /// What the journal says: which have to be sent, and which have to be looked up.
    fn recall(&mut self, known: &HashMap<String, Known>) -> Result<(Vec<usize>, Vec<usize>)> {
        let (mut to_send, mut doubtful) = (Vec::new(), Vec::new());
        for (place, item) in self.items.iter_mut().enumerate() {
            let Some(before) = known.get(item.key.as_str()) else {
                to_send.push(place);
                continue;
            };
            (item.sends, item.first_at) = (before.sends, before.first_at);
            let happened = matches!(
                before.state,
                EffectState::Applied | EffectState::Sent | EffectState::Unknown
            );
            if happened && before.digest != item.digest {
                let message = format!(
                    "{} ({}) would be written with other content than before",
                    item.what, item.key
                );
                return Err(Failure::fault("effect_changed", message));
            }
            match (before.state, &before.written) {
                (EffectState::Applied, Some(written)) => item.result = Some(Ok(written.clone())),
                (EffectState::Refused | EffectState::Failed, _) => to_send.push(place),
                _ => doubtful.push(place),
            }
        }
        Ok((to_send, doubtful))
    }

    /// Journals, sends, journals the answers. Returns those whose outcome is not known.
    async fn send<S, SF>(&mut self, places: Vec<usize>, send: &mut S) -> Result<Vec<usize>>
    where
        S: FnMut(Vec<(usize, EffectKey)>) -> SF + Send,
        SF: Future<Output = Result<Vec<WriteResult>>> + Send,
    {
        let mut entries = Vec::with_capacity(places.len());
        for place in &places {
            if let Some(item) = self.items.get_mut(*place) {
                item.sends += 1;
                entries.push(item.entry(EffectState::Sent, None, None));
            }
        }
        self.journal.write(&self.target, entries).await?;
        self.journal.core.faults.at(Point::Journalled).await;
        let answer = self.send_journalled(&places, send).await;
        self.journal.core.faults.at(Point::Answered).await;
        let (entries, doubtful, whole) = self.sort_answer(&places, answer);
        self.journal.write(&self.target, entries).await?;
        self.journal.core.faults.at(Point::Journalled).await;
        whole.map_or(Ok(doubtful), Err)
    }

    async fn send_journalled<S, SF>(&self, places: &[usize], send: &mut S) -> Result<Vec<WriteResult>>
    where
        S: FnMut(Vec<(usize, EffectKey)>) -> SF + Send,
        SF: Future<Output = Result<Vec<WriteResult>>> + Send,
    {
        let keys: Vec<_> = places
            .iter()
            .filter_map(|place| self.items.get(*place).map(|item| (*place, item.key.clone())))
            .collect();
        let first = keys.first().map_or("", |(_, key)| key.as_str());
        match self.journal.core.faults.at(Point::Sending { key: first }).await {
            Fault::LoseAnswer { sent } => {
                if sent {
                    let _lost = send(keys).await;
                }
                Err(Failure::transient("no_answer", "the answer was lost on purpose").outcome_unknown())
            }
            _ => send(keys).await,
        }
    }

    /// Answers by effect: what to journal, which are in doubt, and the failure of the call as a whole.
    fn sort_answer(
        &mut self,
        places: &[usize],
        answer: Result<Vec<WriteResult>>,
    ) -> (Vec<Entry>, Vec<usize>, Option<Failure>) {
        let (mut entries, mut doubtful) = (Vec::new(), Vec::new());
        let (mut answers, whole) = match answer {
            Ok(results) => {
                let results = results
                    .into_iter()
                    .map(|result| (result.key.clone(), result.into_result()));
                (results.collect::<HashMap<_, _>>(), None)
            }
            Err(failure) => (HashMap::new(), Some(failure)),
        };
        for place in places {
            let Some(item) = self.items.get_mut(*place) else {
                continue;
            };
            let missing = || Err(whole.clone().unwrap_or_else(no_result));
            match answers.remove(&item.key).unwrap_or_else(missing) {
                Ok(written) => {
                    entries.push(item.entry(EffectState::Applied, Some(written.clone()), None));
                    item.result = Some(Ok(written));
                }
                #[cfg(feature = "simulation")]
                Err(failure) if failure.is_unknown() && planted(Defect::LostAcknowledgement) => {
                    let written = Written {
                        id: item.key.to_string(),
                        code: None,
                        version: None,
                        created: None,
                    };
                    entries.push(item.entry(EffectState::Applied, Some(written.clone()), None));
                    item.result = Some(Ok(written));
                }
                Err(failure) if failure.is_unknown() => doubtful.push(*place),
                Err(failure) => {
                    let state = if failure.is_transient() {
                        EffectState::Failed
                    } else {
                        EffectState::Refused
                    };
                    entries.push(item.entry(state, None, Some(failure.clone())));
                    item.result = Some(Err(failure));
                }
            }
        }
        (entries, doubtful, whole.filter(|failure| !failure.is_unknown()))
    }

    /// Looks up what became of effects and adopts those that are found. Returns those that have to be sent again.
    async fn settle<F, FF>(&mut self, places: Vec<usize>, find: &mut F) -> Result<Vec<usize>>
    where
        F: FnMut(EffectKey) -> FF + Send,
        FF: Future<Output = Result<Option<Written>>> + Send,
    {
        if places.is_empty() {
            return Ok(places);
        }
        #[cfg(feature = "simulation")]
        if planted(Defect::DoublePost) {
            for place in &places {
                if let Some(item) = self.items.get_mut(*place) {
                    item.key = format!("{}-again", item.key).parse()?;
                }
            }
            return Ok(places);
        }
        let mut look_ups = Vec::with_capacity(places.len());
        for place in places {
            let Some(item) = self.items.get(place) else {
                continue;
            };
            let finding = self.findings.get(item.key.as_str()).cloned();
            let look_up = if finding.is_some() {
                None
            } else {
                Some(find(item.key.clone()))
            };
            look_ups.push(async move {
                match look_up {
                    Some(look_up) => (place, false, look_up.await),
                    None => (place, true, Ok(finding.flatten())),
                }
            });
        }
        let found: Vec<_> = futures_util::stream::iter(look_ups)
            .buffered(LOOK_UPS)
            .collect()
            .await;
        let (mut again, mut entries, mut failed) = (Vec::new(), Vec::new(), None);
        for (place, by_person, found) in found {
            let Some(item) = self.items.get_mut(place) else {
                continue;
            };
            match found {
                Ok(Some(written)) => {
                    tracing::info!(effect.key = %item.key, target = %self.target, "adopted an effect whose answer was lost");
                    entries.push(item.entry(EffectState::Applied, Some(written.clone()), None));
                    item.result = Some(Ok(written));
                }
                Ok(None) if self.eventual && !by_person => {
                    let failure = unknown(&item.key, &self.target);
                    entries.push(item.entry(EffectState::Unknown, None, Some(failure.clone())));
                    item.result = Some(Err(failure));
                }
                Ok(None) => {
                    tracing::info!(effect.key = %item.key, target = %self.target, "an effect whose answer was lost did not happen");
                    again.push(place);
                }
                Err(failure) => failed = Some(failure),
            }
        }
        self.journal.write(&self.target, entries).await?;
        failed.map_or(Ok(again), Err)
    }

    fn conclude(self) -> Result<Vec<Result<Written>>> {
        let results = self
            .items
            .into_iter()
            .map(|item| item.result.unwrap_or_else(|| Err(no_result())));
        let results: Vec<Result<Written>> = results.collect();
        let transient = results
            .iter()
            .filter_map(|result| result.as_ref().err())
            .filter(|f| f.is_transient());
        match transient.max_by_key(|failure| failure.retry_after_ms) {
            Some(failure)
                if !self.journal.last_try || self.journal.core.circuits.held_by(failure).is_some() =>
            {
                Err(failure.clone())
            }
            _ => Ok(results),
        }
    }
}

impl Item {
    fn new(key: EffectKey, what: String, request: &Value) -> Self {
        let digest = hex::encode(Sha256::digest(sorted(request).to_string().as_bytes()));
        Self {
            key,
            what,
            digest,
            sends: 0,
            first_at: canonical_model::clock::now(),
            result: None,
        }
    }

    fn entry(&self, state: EffectState, written: Option<Written>, failure: Option<Failure>) -> Entry {
        Entry {
            key: self.key.clone(),
            what: self.what.clone(),
            digest: self.digest.clone(),
            state,
            written,
            failure,
            sends: self.sends,
            first_at: self.first_at,
        }
    }
}

/// The value with its members in order, so that a digest does not depend on how a map was built.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            Value::Object(
                members
                    .into_iter()
                    .map(|(name, value)| (name.clone(), sorted(value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

fn unwritable(error: &serde_json::Error) -> Failure {
    Failure::fault("request_unwritable", "a request cannot be written as JSON").with_detail(error.to_string())
}

fn no_result() -> Failure {
    Failure::fault("result_missing", "the answer does not say what became of a write").outcome_unknown()
}

fn unknown(key: &EffectKey, target: &str) -> Failure {
    let message = format!(
        "nobody knows whether {key} was written to {target}: look there, then answer what was found or retry"
    );
    Failure::business("outcome_unknown", message).outcome_unknown()
}
