//! Writes: creation under our key, which a unique custom field keeps single, and updates by id.
//!
//! Kantata has no idempotency key. A record is created with our key in a custom field with the unique constraint: a second
//! creation is refused, and the record that has the key is looked up and updated instead. A bulk call is all or none and
//! names the bad ones by index: they are taken out and the sound ones are sent again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use canonical_model::{EffectKey, Failure, Outcome, Result, Write, WriteResult, Written};

use super::{Noun, Records, Shared, version};
use crate::client::Fields;
use crate::cursor::is_id;
use crate::failure::{Refusal, mentions, of_entry};
use crate::mapping::put_custom;
use crate::wire::{Envelope, Record};

/// A noun that is written through its own object.
pub(crate) trait Writable: Noun {
    /// Records in one call.
    fn batch_size(shared: &Shared) -> usize;

    /// The fields of a write; `current` is the record as it stands, absent for a new one.
    fn to_fields(
        &self,
        shared: &Shared,
        current: Option<&Record>,
    ) -> impl Future<Output = Result<Fields>> + Send;

    /// Writes what the record consists of beside its own object.
    fn finish(&self, _: &Shared, _: &str) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }
}

/// A creation that is ready to be sent.
struct Ready {
    at: usize,
    fields: Fields,
}

type Outcomes = HashMap<usize, Result<Written>>;

impl<T: Writable> Records<T> {
    pub(super) async fn upsert_all(&self, writes: &[Write<T>]) -> Vec<WriteResult> {
        let mut outcomes = Outcomes::new();
        let mut stopped = None;
        let (updates, creations): (Vec<_>, Vec<_>) = writes
            .iter()
            .enumerate()
            .partition(|(_, write)| write.id.is_some());
        let size = T::batch_size(&self.shared).max(1);
        for group in creations.chunks(size) {
            let mut ready = Vec::with_capacity(group.len());
            for (at, write) in group {
                let fields = match &stopped {
                    Some(failure) => Err(Failure::clone(failure)),
                    None => self.creation(write).await,
                };
                match fields {
                    Ok(fields) => ready.push(Ready { at: *at, fields }),
                    Err(failure) => self.note(*at, Err(failure), &mut outcomes, &mut stopped),
                }
            }
            for (at, result) in self.create_group(writes, ready).await {
                self.note(at, result, &mut outcomes, &mut stopped);
            }
        }
        for (at, write) in updates {
            let result = match &stopped {
                Some(failure) => Err(Failure::clone(failure)),
                None => self.update(write).await,
            };
            self.note(at, result, &mut outcomes, &mut stopped);
        }
        in_order(writes.iter().map(|write| &write.key), outcomes)
    }

    /// Notes an outcome. When the vendor cannot be reached or is over its limit, what comes after is not sent at all.
    fn note(
        &self,
        at: usize,
        result: Result<Written>,
        outcomes: &mut Outcomes,
        stopped: &mut Option<Failure>,
    ) {
        let result = result.map_err(|failure| self.at_home(failure));
        if let Err(failure) = &result
            && failure.is_transient()
        {
            stopped.get_or_insert_with(|| not_applied(failure));
        }
        outcomes.insert(at, result);
    }

    async fn creation(&self, write: &Write<T>) -> Result<Fields> {
        if write.expected_version.is_some() {
            let message = "a write that expects a version needs the record's id";
            return Err(Failure::business("record_id_missing", message));
        }
        let mut fields = write.record.to_fields(&self.shared, None).await?;
        if let Some(key) = T::key_field(self.settings()) {
            put_custom(&mut fields, key.field, write.key.as_str());
        }
        Ok(fields)
    }

    /// Creates records together; those that were there are updated.
    async fn create_group(&self, writes: &[Write<T>], ready: Vec<Ready>) -> Vec<(usize, Result<Written>)> {
        let mut done = Vec::with_capacity(ready.len());
        let mut taken = Vec::new();
        let mut groups = vec![ready];
        while let Some(waiting) = groups.pop() {
            if waiting.is_empty() {
                continue;
            }
            match self.post(writes, &waiting).await {
                Ok(created) => done.extend(created),
                // Which of them is meant shows when each is sent by itself.
                Err(refusal) if waiting.len() > 1 && is_unclear(&refusal, waiting.len()) => {
                    groups.extend(waiting.into_iter().map(|one| vec![one]));
                }
                Err(refusal) if refusal.failure.is_transient() => {
                    let unsent = not_applied(&refusal.failure);
                    done.extend(failed(waiting, &refusal.failure));
                    done.extend(groups.drain(..).flat_map(|group| failed(group, &unsent)));
                }
                Err(refusal) => groups.push(self.without_bad(refusal, waiting, &mut done, &mut taken)),
            }
        }
        let mut results = Vec::with_capacity(done.len() + taken.len());
        for (at, result) in done {
            let result = match (result, writes.get(at)) {
                (Ok(written), Some(write)) => match write.record.finish(&self.shared, &written.id).await {
                    Ok(()) => Ok(written),
                    Err(failure) => Err(failure),
                },
                (result, _) => result,
            };
            results.push((at, result));
        }
        for (at, failure) in taken {
            if let Some(write) = writes.get(at) {
                results.push((at, self.adopt(write, failure).await));
            }
        }
        results
    }

    /// Sends creations and matches what was created by its key.
    async fn post(
        &self,
        writes: &[Write<T>],
        ready: &[Ready],
    ) -> Result<Vec<(usize, Result<Written>)>, Refusal> {
        let fields: Vec<&Fields> = ready.iter().map(|ready| &ready.fields).collect();
        let what = match (ready, ready.first().and_then(|one| writes.get(one.at))) {
            ([_], Some(write)) => format!("creating {} {}", T::NAME, write.key),
            _ => format!("creating {} {}", ready.len(), T::PATH),
        };
        let made = self.client().create(T::OBJECT, &fields, &what).await?;
        let by_key = self.by_key(&made);
        let results = ready.iter().enumerate().map(|(n, ready)| {
            let key = writes
                .get(ready.at)
                .map(|write| write.key.as_str())
                .unwrap_or_default();
            // The results are in the order of the request where the answer does not show the keys.
            let id = by_key
                .get(key)
                .or_else(|| made.results.get(n).filter(|_| by_key.is_empty()));
            let result = id
                .map(|id| written(&made, T::OBJECT.plural, id, true))
                .ok_or_else(|| {
                    let message = format!("{what}: Kantata took it and does not say under which id");
                    Failure::fault("unexpected_answer", message).outcome_unknown()
                });
            (ready.at, result)
        });
        Ok(results.collect())
    }

    fn by_key(&self, made: &Envelope) -> BTreeMap<String, String> {
        let Some(key) = T::key_field(self.settings()) else {
            return BTreeMap::new();
        };
        let keys = made.results.iter().filter_map(|id| {
            let record = made.get(T::OBJECT.plural, id)?;
            Some((made.custom_text(record, key.field)?, id.clone()))
        });
        keys.collect()
    }

    /// What is left to be sent after a refusal: the sound ones. Those whose key is taken are put aside.
    fn without_bad(
        &self,
        refusal: Refusal,
        waiting: Vec<Ready>,
        done: &mut Vec<(usize, Result<Written>)>,
        taken: &mut Vec<(usize, Failure)>,
    ) -> Vec<Ready> {
        let mut bad: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for entry in &refusal.entries {
            // The only one is meant where no index says which.
            if let Some(index) = entry.index.or((waiting.len() == 1).then_some(0)) {
                bad.entry(index).or_default().push(entry);
            }
        }
        let clear = refusal.failure.class == canonical_model::FailureClass::Business
            && bad.keys().any(|index| *index < waiting.len());
        if !clear {
            done.extend(
                waiting
                    .into_iter()
                    .map(|ready| (ready.at, Err(refusal.failure.clone()))),
            );
            return Vec::new();
        }
        let mut sound = Vec::with_capacity(waiting.len());
        for (n, ready) in waiting.into_iter().enumerate() {
            let Some(entries) = bad.get(&n) else {
                sound.push(ready);
                continue;
            };
            let duplicate = entries
                .iter()
                .find(|entry| mentions(entry, &self.settings().texts.duplicate));
            let Some(entry) = duplicate.or(entries.first()) else {
                continue;
            };
            // What was sent by itself is refused as a whole, whatever the status.
            let failure = match entry.index {
                Some(_) => of_entry(entry, &format!("creating a {}", T::NAME), self.settings()),
                None => refusal.failure.clone(),
            };
            match duplicate {
                Some(_) => taken.push((ready.at, failure)),
                None => done.push((ready.at, Err(failure))),
            }
        }
        sound
    }

    /// Updates the record that has the key already. When none has it, another value that must be unique is taken.
    async fn adopt(&self, write: &Write<T>, refused: Failure) -> Result<Written> {
        let ids = self.ids_with_key(write.key.as_str()).await?;
        let mut ids = ids.into_iter();
        match (ids.next(), ids.next()) {
            (Some(id), None) => self.set(&write.record, &id, None).await,
            (None, _) => Err(refused),
            (Some(_), Some(_)) => {
                let message = format!("several records of Kantata carry the key {}", write.key);
                Err(Failure::fault("key_not_unique", message))
            }
        }
    }

    async fn update(&self, write: &Write<T>) -> Result<Written> {
        let id = write.id.as_deref().unwrap_or_default();
        self.set(&write.record, id, write.expected_version.as_deref())
            .await
    }

    /// Sets the fields of a record that is there.
    async fn set(&self, record: &T, id: &str, expected: Option<&str>) -> Result<Written> {
        if !is_id(id) {
            return Err(self.missing(id));
        }
        let ids = BTreeSet::from([id.to_owned()]);
        let what = format!("reading {} {id} before a write", T::NAME);
        let found = self
            .client()
            .only(T::OBJECT.plural, &ids, &T::params(), &what)
            .await?;
        let current = found.get(T::OBJECT.plural, id).ok_or_else(|| self.missing(id))?;
        let stamp = version(current);
        if expected.is_some() && expected != stamp.as_deref() {
            let stamp = stamp.unwrap_or_default();
            let message = format!("{} {id} was changed in Kantata at {stamp}", T::NAME);
            return Err(Failure::business("version_conflict", message));
        }
        let fields = record.to_fields(&self.shared, Some(current)).await?;
        let what = format!("updating {} {id}", T::NAME);
        let answer = self.client().update(T::OBJECT, id, &fields, &what).await?;
        record.finish(&self.shared, id).await?;
        Ok(written(&answer, T::OBJECT.plural, id, false))
    }
}

/// Whether nothing was written and the answer does not say because of which record.
fn is_unclear(refusal: &Refusal, sent: usize) -> bool {
    let mut named = refusal.entries.iter().filter_map(|entry| entry.index);
    let transient = refusal.failure.is_transient() || refusal.failure.is_unknown();
    !transient && !named.any(|index| index < sent)
}

/// The same failure for what was never sent.
pub(super) fn not_applied(failure: &Failure) -> Failure {
    Failure {
        outcome: Outcome::NotApplied,
        ..failure.clone()
    }
}

fn failed(group: Vec<Ready>, failure: &Failure) -> Vec<(usize, Result<Written>)> {
    group
        .into_iter()
        .map(|ready| (ready.at, Err(failure.clone())))
        .collect()
}

fn written(envelope: &Envelope, kind: &str, id: &str, created: bool) -> Written {
    Written {
        id: id.to_owned(),
        code: None,
        version: envelope.get(kind, id).and_then(version),
        created: Some(created),
    }
}

/// The results in the order of the writes.
pub(super) fn in_order<'k>(
    keys: impl Iterator<Item = &'k EffectKey>,
    mut outcomes: HashMap<usize, Result<Written>>,
) -> Vec<WriteResult> {
    let results = keys.enumerate().map(|(at, key)| {
        let missing = || {
            let message = format!("write {key} was neither sent nor refused");
            Err(Failure::fault("empty_result", message).outcome_unknown())
        };
        WriteResult::new(key.clone(), outcomes.remove(&at).unwrap_or_else(missing))
    });
    results.collect()
}
