//! Writing masters: made under our key, which Tryton keeps unique, and changed under the version that was read.

use async_trait::async_trait;
use canonical_model::{Failure, Resource, Result, Write, Written};
use serde_json::{Value, json};

use super::{Noun, VERSION, by_key, search};
use crate::wire::Record;

/// A record that is changed by others meanwhile is read again so often.
const TRIES: usize = 4;

/// What a write changes.
pub(crate) struct Change {
    /// Changes of other records that must come first, in the same transaction: ids with their values.
    pub(crate) before: Vec<(Vec<i64>, Value)>,
    /// The record's own values; none = it is as it shall be.
    pub(crate) own: Value,
}

impl Change {
    /// A change of the record alone.
    pub(crate) fn of(own: Value) -> Self {
        Self {
            before: Vec::new(),
            own,
        }
    }
}

/// A noun whose records can be changed after they were made.
#[async_trait]
pub(crate) trait Master: Noun {
    /// The values of a new record, or those that change in `existing`.
    async fn change(&self, write: &Write<Self::Record>, existing: Option<&Record>) -> Result<Change>;
}

/// The record that a write is about, where it is there: by id, else by our key.
///
/// # Errors
/// Business `not_found` for an id that is not there; Business `version_conflict` where it has another version.
pub(crate) async fn existing<N: Noun>(noun: &N, write: &Write<N::Record>) -> Result<Option<Record>> {
    let record = match &write.id {
        Some(id) => {
            let missing =
                || Failure::business("not_found", format!("Tryton has no {} {id}", N::Record::NAME));
            let number: i64 = id.parse().map_err(|_| missing())?;
            let mut domain = noun.table().domain;
            domain.push(json!(["id", "=", number]));
            let found = search(noun, domain, Some(1)).await?.pop();
            Some(found.ok_or_else(missing)?)
        }
        None => by_key(noun, write.key.as_str()).await?,
    };
    if let (Some(expected), Some(record)) = (&write.expected_version, &record) {
        let current = record.text(VERSION);
        if current.as_ref() != Some(expected) {
            return Err(conflict::<N>(record));
        }
    }
    Ok(record)
}

fn conflict<N: Noun>(record: &Record) -> Failure {
    let id = record.integer("id").unwrap_or_default();
    let message = format!(
        "{} {id} was changed in Tryton meanwhile: read it again",
        N::Record::NAME
    );
    Failure::business("version_conflict", message)
}

/// Writes a master record. A change of somebody else between our read and our write is seen by Tryton's own lock: the
/// record is read again, or the write is refused where it named a version.
pub(crate) async fn put<N: Master>(noun: &N, write: &Write<N::Record>) -> Result<Written> {
    let what = format!("{} of key {}", N::Record::NAME.replace('_', " "), write.key);
    let client = &noun.shared().client;
    let mut last = None;
    for _ in 0..TRIES {
        let existing = existing(noun, write).await?;
        let change = noun.change(write, existing.as_ref()).await?;
        let Some(record) = existing else {
            match client.create(N::MODEL, vec![change.own], &what).await {
                Ok(ids) => return Ok(written(ids.first().copied().unwrap_or_default(), true)),
                // The same key, a moment ago? Then it is there now, and is brought to what it shall be.
                Err(failure) if failure.code == "already_taken" => {
                    if by_key(noun, write.key.as_str()).await?.is_none() {
                        return Err(failure);
                    }
                    last = Some(failure);
                    continue;
                }
                Err(failure) => return Err(failure),
            }
        };
        let id = record.id()?;
        let mut changes = change.before;
        if change.own.as_object().is_some_and(|own| !own.is_empty()) {
            changes.push((vec![id], change.own));
        }
        if changes.is_empty() {
            return Ok(written(id, false));
        }
        let stamp = record.text(VERSION).unwrap_or_default();
        match client.write(N::MODEL, changes, Some((id, &stamp)), &what).await {
            Ok(()) => return Ok(written(id, false)),
            Err(failure) if failure.code == "record_locked" => {
                if write.expected_version.is_some() {
                    return Err(conflict::<N>(&record));
                }
                last = Some(failure);
            }
            Err(failure) => return Err(failure),
        }
    }
    Err(last
        .unwrap_or_else(|| Failure::transient("record_locked", format!("somebody else is changing {what}"))))
}

/// A record that was written.
pub(crate) fn written(id: i64, created: bool) -> Written {
    Written {
        id: id.to_string(),
        code: None,
        version: None,
        created: Some(created),
    }
}

/// Refuses to change a document that is in the books.
pub(crate) fn refuse_change<T: Resource>(write: &Write<T>, instead: &str) -> Result<()> {
    match &write.id {
        None => Ok(()),
        Some(id) => {
            let message = format!("{} {id} is in the books and is not changed: {instead}", T::NAME);
            Err(Failure::business("posted_document", message))
        }
    }
}
