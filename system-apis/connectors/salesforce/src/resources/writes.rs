//! Writes: by our key where the record may be new, by id where it is known; in the vendor's bulk forms where there are
//! several.
//!
//! A write by id leaves the record's own key alone: the record belongs to whoever made it. Such a write sets fields of
//! one record, so that doing it twice is doing it once, and a look-up by its effect key finds nothing.

use std::collections::{HashMap, HashSet};

use canonical_model::{Currency, EffectKey, Failure, Result, Write, WriteResult, Written};
use chrono::{DateTime, Utc};

use super::{Noun, Records, VENDOR, version};
use crate::bulk::Operation;
use crate::client::{Client, Seen};
use crate::mapping::{CURRENCY, currency};
use crate::soql::{self, Select};
use crate::wire::Fields;

/// Ids in one query: so many make a URL of some 6 KB.
const IDS_A_QUERY: usize = 200;

/// A write that is ready to be sent.
pub(super) struct Ready {
    /// Its place among the writes.
    pub(super) at: usize,
    pub(super) target: Target,
    pub(super) fields: Fields,
}

/// What a write is addressed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Key(String),
    Id(String),
    /// Only as long as nobody changed it since.
    Unchanged(String, DateTime<Utc>),
}

impl Target {
    fn identity(&self) -> &str {
        match self {
            Self::Key(text) | Self::Id(text) | Self::Unchanged(text, _) => text,
        }
    }
}

/// What is known of a record before it is updated.
struct Current {
    changed_at: DateTime<Utc>,
    currency: Result<Currency>,
}

type Outcomes = HashMap<usize, Result<Written>>;

impl<T: Noun> Records<T> {
    pub(super) async fn write_all(&self, writes: &[Write<T>]) -> Vec<WriteResult> {
        let asking = |write: &&Write<T>| write.expected_version.is_some() || write.record.needs_currency();
        let ids: Vec<&str> = writes
            .iter()
            .filter(asking)
            .filter_map(|write| write.id.as_deref())
            .collect();
        let current = match self.current(&ids).await {
            Ok(current) => current,
            // Nothing has been sent.
            Err(failure) => return refused(writes.iter().map(|w| &w.key), &failure),
        };
        let (mut ready, mut outcomes) = (Vec::new(), Outcomes::new());
        for (at, write) in writes.iter().enumerate() {
            match self.prepare(write, &current) {
                Ok((target, fields)) => ready.push(Ready { at, target, fields }),
                Err(failure) => {
                    outcomes.insert(at, Err(failure.at(self.client().connection())));
                }
            }
        }
        outcomes.extend(self.send(ready).await);
        in_order(writes.iter().map(|w| &w.key), outcomes)
    }

    fn prepare(&self, write: &Write<T>, current: &HashMap<String, Current>) -> Result<(Target, Fields)> {
        let Some(id) = &write.id else {
            if T::MADE_BY_PEOPLE {
                let message = format!(
                    "{VENDOR}'s {} are made by people: a write needs the id of one",
                    T::PATH
                );
                return Err(Failure::business("record_id_missing", message));
            }
            if write.expected_version.is_some() {
                return Err(Failure::business(
                    "record_id_missing",
                    "a write that expects a version needs the record's id",
                ));
            }
            let fields = write.record.to_fields(self.settings(), None)?;
            return Ok((Target::Key(write.key.as_str().to_owned()), fields));
        };
        if !soql::is_id(id) {
            return Err(self.missing(id));
        }
        let known = current.get(id);
        let target = match &write.expected_version {
            None => Target::Id(id.clone()),
            Some(expected) => {
                let changed_at = known.ok_or_else(|| self.missing(id))?.changed_at;
                if version(changed_at) != *expected {
                    let message = format!(
                        "{} {id} was changed in Salesforce at {}",
                        T::NAME,
                        version(changed_at)
                    );
                    return Err(Failure::business("version_conflict", message));
                }
                Target::Unchanged(id.clone(), changed_at)
            }
        };
        let currency = if write.record.needs_currency() {
            Some(known.ok_or_else(|| self.missing(id))?.currency.clone()?)
        } else {
            None
        };
        Ok((target, write.record.to_fields(self.settings(), currency)?))
    }

    /// Stamps and currencies of records, by the ids that were given.
    async fn current(&self, ids: &[&str]) -> Result<HashMap<String, Current>> {
        let mut current = HashMap::new();
        let askable: Vec<&str> = ids.iter().copied().filter(|id| soql::is_id(id)).collect();
        for chunk in askable.chunks(IDS_A_QUERY) {
            let list: Vec<String> = chunk.iter().map(|id| soql::text(id)).collect();
            let with_currency = T::HAS_CURRENCY && self.settings().multi_currency;
            let columns = ["Id", "SystemModstamp"]
                .into_iter()
                .chain(with_currency.then_some(CURRENCY));
            let select = Select {
                object: self.object(),
                columns: columns.map(str::to_owned).collect(),
                conditions: vec![format!("Id IN ({})", list.join(", "))],
                order: "Id",
                limit: None,
            };
            let found = self
                .client()
                .query(
                    &select.soql(),
                    Seen::Live,
                    &format!("reading {} before a write", T::PATH),
                )
                .await?;
            for record in &found.records {
                let id = record.id()?;
                // Callers may hold the short form of an id, which is the beginning of the long one.
                for given in chunk.iter().filter(|given| id.starts_with(**given)) {
                    let known = Current {
                        changed_at: record.instant("SystemModstamp")?,
                        currency: if T::HAS_CURRENCY {
                            currency(record, self.settings())
                        } else {
                            Ok(Currency::USD)
                        },
                    };
                    current.insert((*given).to_owned(), known);
                }
            }
        }
        Ok(current)
    }

    /// Sends writes in rounds: no call holds two writes of one record, whose order would be anybody's guess.
    pub(super) async fn send(&self, ready: Vec<Ready>) -> Outcomes {
        let mut outcomes = Outcomes::new();
        let mut waiting = ready;
        let mut stopped: Option<Failure> = None;
        while !waiting.is_empty() {
            let mut seen = HashSet::new();
            let (round, later): (Vec<_>, Vec<_>) = waiting
                .into_iter()
                .partition(|ready| seen.insert(ready.target.identity().to_ascii_lowercase()));
            waiting = later;
            let by_key = round
                .iter()
                .filter(|ready| matches!(ready.target, Target::Key(_)))
                .collect::<Vec<_>>();
            let by_id = round
                .iter()
                .filter(|ready| matches!(ready.target, Target::Id(_)))
                .collect::<Vec<_>>();
            let singly = round
                .iter()
                .filter(|ready| matches!(ready.target, Target::Unchanged(..)));
            for ready in singly {
                self.group(&[ready], &mut outcomes, &mut stopped).await;
            }
            for group in [by_key, by_id] {
                let size = self.client().limits.batch_size;
                let size = if group.len() >= self.client().limits.bulk_from {
                    group.len()
                } else {
                    size
                };
                for chunk in group.chunks(size.max(1)) {
                    self.group(chunk, &mut outcomes, &mut stopped).await;
                }
            }
        }
        outcomes
    }

    /// Sends writes of one kind together. When the vendor cannot be reached or is over its limit, what comes after is
    /// not sent at all.
    async fn group(&self, group: &[&Ready], outcomes: &mut Outcomes, stopped: &mut Option<Failure>) {
        if let Some(failure) = stopped {
            outcomes.extend(group.iter().map(|ready| (ready.at, Err(failure.clone()))));
            return;
        }
        match self.send_group(group).await {
            Ok(results) => outcomes.extend(group.iter().map(|ready| ready.at).zip(results)),
            Err(failure) => {
                outcomes.extend(group.iter().map(|ready| (ready.at, Err(failure.clone()))));
                if failure.is_transient() {
                    *stopped = Some(Failure {
                        outcome: canonical_model::Outcome::NotApplied,
                        ..failure
                    });
                }
            }
        }
    }

    async fn send_group(&self, group: &[&Ready]) -> Result<Vec<Result<Written>>> {
        let (client, object, key) = (self.client(), self.object(), self.key_field());
        let what = format!("writing {}", T::NAME);
        let rows: Vec<(&str, &Fields)> = group
            .iter()
            .map(|ready| (ready.target.identity(), &ready.fields))
            .collect();
        let results = match group {
            [] => return Ok(Vec::new()),
            // A group holds one kind of target, so the first speaks for all.
            [one] => vec![
                single(
                    client,
                    (object, key),
                    one,
                    &format!("{what} {}", one.target.identity()),
                )
                .await?,
            ],
            [first, ..] => {
                let by_key = matches!(first.target, Target::Key(_));
                match (by_key, rows.len() >= client.limits.bulk_from) {
                    (true, true) => client.bulk(object, Operation::Upsert(key), &rows, &what).await?,
                    (false, true) => client.bulk(object, Operation::Update, &rows, &what).await?,
                    (true, false) => client.upsert_batch(object, key, &rows, &what).await?,
                    (false, false) => client.update_batch(object, &rows, &what).await?,
                }
            }
        };
        Ok(results
            .into_iter()
            .map(|result| result.map_err(|failure| self.key_just_taken(failure)))
            .collect())
    }

    /// Two upserts of one key at once: one of them is told that the key is taken. Sent again, it updates.
    fn key_just_taken(&self, failure: Failure) -> Failure {
        if failure.code != "duplicate_value" || !failure.message.contains(self.key_field()) {
            return failure;
        }
        let taken = Failure::transient("key_just_taken", failure.message.clone());
        Failure {
            source: failure.source,
            detail: failure.detail,
            ..taken
        }
    }
}

/// One write. A refusal of it is its result; a failure that says nothing about it is returned as the error.
async fn single(
    client: &Client,
    (object, key): (&str, &str),
    ready: &Ready,
    what: &str,
) -> Result<Result<Written>> {
    let sent = match &ready.target {
        Target::Key(value) => client.upsert(object, (key, value), &ready.fields, what).await,
        Target::Id(id) => client.update(object, id, &ready.fields, None, what).await,
        Target::Unchanged(id, at) => client.update(object, id, &ready.fields, Some(*at), what).await,
    };
    match sent {
        Err(failure) if failure.is_transient() && failure.code != "record_locked" => Err(failure),
        result => Ok(result),
    }
}

/// The results in the order of the writes.
pub(super) fn in_order<'k>(
    keys: impl Iterator<Item = &'k EffectKey>,
    mut outcomes: Outcomes,
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

fn refused<'k>(keys: impl Iterator<Item = &'k EffectKey>, failure: &Failure) -> Vec<WriteResult> {
    keys.map(|key| WriteResult::new(key.clone(), Err(failure.clone())))
        .collect()
}
