//! A batch of writes or links: read one by one, so that one that makes no sense takes no other with it.

use std::collections::BTreeSet;

use canonical_model::{EffectKey, Failure, Link, Result, Write, WriteResult};
use serde::de::DeserializeOwned;
use serde_json::Value;
use validator::{ValidationErrors, ValidationErrorsKind};

/// Writes at once, at most.
pub(crate) const LARGEST_BATCH: usize = 1000;

/// What a batch consists of.
pub(crate) trait Item: DeserializeOwned {
    fn check(&self) -> std::result::Result<(), ValidationErrors>;
}

impl<T: crate::Record> Item for Write<T> {
    fn check(&self) -> std::result::Result<(), ValidationErrors> {
        self.record.validate()
    }
}

impl Item for Link {
    fn check(&self) -> std::result::Result<(), ValidationErrors> {
        Ok(())
    }
}

/// A batch of which each item is sound or refused.
pub(crate) struct Batch<I> {
    sound: Vec<I>,
    /// One entry an item, in their order: its refusal, or `None` where it is sound.
    refusals: Vec<(EffectKey, Option<Failure>)>,
}

impl<I: Item> Batch<I> {
    /// Reads the items of a body.
    ///
    /// # Errors
    /// Business `invalid_body` where there are none or too many, or where an item has no key or another's: then nobody
    /// could tell its result from another's.
    pub(crate) fn read(items: Vec<Value>) -> Result<Self> {
        if items.is_empty() || items.len() > LARGEST_BATCH {
            let message = format!("A batch holds 1 to {LARGEST_BATCH} items, not {}.", items.len());
            return Err(Failure::business("invalid_body", message));
        }
        let mut batch = Self {
            sound: Vec::with_capacity(items.len()),
            refusals: Vec::with_capacity(items.len()),
        };
        let mut keys = BTreeSet::new();
        for (index, item) in items.into_iter().enumerate() {
            let key = key_of(index, &item)?;
            if !keys.insert(key.clone()) {
                let message = format!("Key {key} stands twice in the batch.");
                return Err(Failure::business("invalid_body", message));
            }
            batch.take(key, item);
        }
        Ok(batch)
    }

    fn take(&mut self, key: EffectKey, item: Value) {
        let read = serde_json::from_value::<I>(item)
            .map_err(|error| invalid_record(&key, &error.to_string()))
            .and_then(|item| match item.check() {
                Ok(()) => Ok(item),
                Err(errors) => Err(invalid_record(&key, &fields(&errors))),
            });
        match read {
            Ok(item) => {
                self.sound.push(item);
                self.refusals.push((key, None));
            }
            Err(failure) => self.refusals.push((key, Some(failure))),
        }
    }

    /// The items to send.
    pub(crate) fn sound(&self) -> &[I] {
        &self.sound
    }

    /// One result an item, in the order of the body.
    pub(crate) fn results(self, answered: Vec<WriteResult>, connection: &str) -> Vec<WriteResult> {
        let mut answered = answered.into_iter();
        self.refusals
            .into_iter()
            .map(|(key, refusal)| match refusal {
                Some(failure) => WriteResult::new(key, Err(failure)),
                None => match answered.next().filter(|result| result.key == key) {
                    Some(result) => located(result, connection),
                    None => WriteResult::new(key, Err(unanswered(connection))),
                },
            })
            .collect()
    }
}

fn located(mut result: WriteResult, connection: &str) -> WriteResult {
    result.failure = result.failure.map(|failure| {
        if failure.source.is_some() {
            failure
        } else {
            failure.at(connection)
        }
    });
    result
}

fn unanswered(connection: &str) -> Failure {
    Failure::fault("answers_missing", "the connector did not answer this write")
        .at(connection)
        .outcome_unknown()
}

fn key_of(index: usize, item: &Value) -> Result<EffectKey> {
    let key = item.get("key").and_then(Value::as_str).unwrap_or_default();
    key.parse().map_err(|failure: Failure| {
        Failure::business(
            "invalid_body",
            format!("Item {index} of the batch has no key: {}.", failure.message),
        )
    })
}

fn invalid_record(key: &EffectKey, why: &str) -> Failure {
    Failure::business("invalid_record", format!("The record of {key} is refused: {why}"))
}

/// Which fields break which rule, without their values.
fn fields(errors: &ValidationErrors) -> String {
    let mut lines = Vec::new();
    collect("", errors, &mut lines);
    lines.sort();
    lines.join("; ")
}

fn collect(prefix: &str, errors: &ValidationErrors, lines: &mut Vec<String>) {
    for (field, kind) in errors.errors() {
        let path = if prefix.is_empty() {
            field.to_string()
        } else {
            format!("{prefix}.{field}")
        };
        match kind {
            ValidationErrorsKind::Field(found) => lines.extend(found.iter().map(|error| {
                let rule = error.message.as_ref().unwrap_or(&error.code);
                format!("{path}: {rule}")
            })),
            ValidationErrorsKind::Struct(inner) => collect(&path, inner, lines),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    collect(&format!("{path}[{index}]"), inner, lines);
                }
            }
        }
    }
}
