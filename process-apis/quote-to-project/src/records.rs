//! Writing records as effects: journalled before they are sent, found by their key where an answer was lost.
//!
//! A new record may carry values that another system owns from then on: there is nothing yet that it would change.
//! A change of a record that is there is checked against the ownership rules first, see [`check_ownership`].

use std::sync::Arc;

use canonical_model::{
    EffectKey, Failure, FindBy, Link, LinkState, OwnershipCheck, Resource, Result, Sourced, SystemKind, Verb,
    Write, Written,
};
use serde_json::{Value, json};
use system_client::Remote;

use crate::Ctx;
use crate::systems::System;

/// What keeps a write single.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// Follows from this instance and what is done.
    Own(String),
    /// Given: the same whichever instance writes.
    Shared(EffectKey),
}

/// What another system calls a record, for the people who work in this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The record in the system that is written to.
    pub id: String,
    /// The other system, such as `erp`.
    pub system: &'static str,
    /// The record's id there.
    pub other_id: String,
    /// For people.
    pub message: Option<String>,
}

/// Creates a record, or finds the one that was created under the same key.
///
/// # Errors
/// The system's failure.
pub async fn create<T: Resource>(ctx: &Ctx, system: &System, key: Key, record: T) -> Result<Written> {
    let remote = system.collection::<T>();
    let finder = remote.clone();
    let find = move |key: EffectKey| {
        let remote = finder.clone();
        async move { remote.find_by_key(&key).await }
    };
    // What a company of several deals is written with depends on which deal comes first; its key says which it is.
    let asked = match &key {
        Key::Own(_) => request(&record)?,
        Key::Shared(key) => json!({ "key": key }),
    };
    write(ctx, system, key, (None, None), record, (asked, find)).await
}

/// Creates all records, in the vendor's bulk form where it has one. Those that were written stay written when others
/// fail; the step is tried again for the rest.
///
/// # Errors
/// The first failure among them.
pub async fn create_all<T: Resource>(
    ctx: &Ctx,
    system: &System,
    records: Vec<(String, T)>,
) -> Result<Vec<Written>> {
    let (sender, finder) = (system.collection::<T>(), system.collection::<T>());
    let (whats, records): (Vec<_>, Vec<_>) = records.into_iter().unzip();
    let mut items = Vec::with_capacity(records.len());
    for (what, record) in whats.into_iter().zip(&records) {
        items.push((what, request(record)?));
    }
    let send_all = |keys: Vec<(usize, EffectKey)>| {
        let writes = keys.into_iter().filter_map(|(n, key)| {
            records.get(n).map(|record| Write {
                key,
                id: None,
                expected_version: None,
                record: record.clone(),
            })
        });
        let (remote, writes) = (sender.clone(), writes.collect::<Vec<_>>());
        async move { remote.write_all(&writes).await }
    };
    let find = |key: EffectKey| {
        let remote = finder.clone();
        async move { remote.find_by_key(&key).await }
    };
    let call = ctx.effects(&system.target::<T>(), items, send_all, find);
    let eventual = !system.finds_every_write::<T>().await?;
    let results = if eventual {
        call.eventual().await?
    } else {
        call.await?
    };
    results.into_iter().collect()
}

/// Changes a record that is there. `applied` tells whether a record as it is found has been changed already.
///
/// # Errors
/// The system's failure.
pub async fn update<T: Resource>(
    ctx: &Ctx,
    system: &System,
    key: Key,
    id: &str,
    record: T,
    applied: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> Result<Written> {
    update_version(ctx, system, key, (id, None), record, applied).await
}

/// Changes a record under the version that was read. Where it has another by now the step is tried again, so that it
/// reads what was saved in between.
///
/// # Errors
/// The system's failure; Transient `changed_meanwhile`.
pub async fn update_version<T: Resource>(
    ctx: &Ctx,
    system: &System,
    key: Key,
    (id, version): (&str, Option<String>),
    record: T,
    applied: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> Result<Written> {
    let (finder, applied) = (system.collection::<T>(), Arc::new(applied));
    let place = id.to_owned();
    let find = move |_key: EffectKey| {
        let (remote, applied, id) = (finder.clone(), Arc::clone(&applied), place.clone());
        async move {
            let found = remote.read(&id).await?;
            Ok(applied(&found.data).then(|| written(&found)))
        }
    };
    // What is not changed goes along as it was read, so it is no part of what is asked.
    let asked = json!({ "id": id, "version": version });
    let place = (Some(id.to_owned()), version);
    let result = write(ctx, system, key, place, record, (asked, find)).await;
    result.map_err(|failure| {
        if failure.code == "version_conflict" {
            Failure::transient("changed_meanwhile", failure.message)
        } else {
            failure
        }
    })
}

/// Writes the record that carries a key, wherever it is: creates it at first, changes it later. `applied` as in
/// [`update`].
///
/// # Errors
/// The system's failure.
pub async fn put<T: Resource>(
    ctx: &Ctx,
    system: &System,
    key: Key,
    record: T,
    applied: impl Fn(&T) -> bool + Send + Sync + 'static,
) -> Result<Written> {
    let (finder, applied) = (system.collection::<T>(), Arc::new(applied));
    let find = move |key: EffectKey| {
        let (remote, applied) = (finder.clone(), Arc::clone(&applied));
        async move {
            let found = remote.find(FindBy::EffectKey, key.as_str()).await?;
            Ok(found.iter().find(|found| applied(&found.data)).map(written))
        }
    };
    let asked = request(&record)?;
    write(ctx, system, key, (None, None), record, (asked, find)).await
}

/// Notes on a record what another system calls it.
///
/// # Errors
/// The system's failure.
pub async fn link<T: Resource>(ctx: &Ctx, system: &System, note: Note) -> Result<()> {
    let (sender, finder) = (system.collection::<T>(), system.collection::<T>());
    let asked = json!({ "link": { "id": note.id, "system": note.system, "other_id": note.other_id } });
    let what = format!("link {} {}", note.system, note.id);
    let (id, word, other_id) = (note.id.clone(), note.system, note.other_id.clone());
    let send = move |key: EffectKey| {
        let (remote, note) = (sender.clone(), note.clone());
        async move {
            let link = Link {
                key,
                id: note.id,
                system: note.system.to_owned(),
                other_id: Some(note.other_id),
                state: LinkState::Succeeded,
                message: note.message,
            };
            remote.link(&link).await
        }
    };
    let find = move |_key: EffectKey| {
        let (remote, id, other_id) = (finder.clone(), id.clone(), other_id.clone());
        async move {
            let found = remote.read(&id).await?;
            Ok((found.links.get(word) == Some(&other_id)).then(|| written(&found)))
        }
    };
    ctx.effect(&system.target::<T>(), &what, &asked, send, find)
        .await
        .map(drop)
}

async fn write<T, F, A>(
    ctx: &Ctx,
    system: &System,
    key: Key,
    (id, expected_version): (Option<String>, Option<String>),
    record: T,
    (asked, find): (Value, F),
) -> Result<Written>
where
    T: Resource,
    F: Fn(EffectKey) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<Written>>> + Send + 'static,
{
    let target = system.target::<T>();
    // A record that is there is read by its id, which every vendor answers with what was written.
    let eventual = id.is_none() && !system.finds_every_write::<T>().await?;
    let remote: Remote<T> = system.collection::<T>();
    let send = move |key: EffectKey| {
        let (remote, id, expected_version) = (remote.clone(), id.clone(), expected_version.clone());
        let record = record.clone();
        async move {
            let write = Write {
                key,
                id,
                expected_version,
                record,
            };
            remote.write(&write).await
        }
    };
    let call = match key {
        Key::Own(what) => ctx.effect(&target, &what, &asked, send, find),
        Key::Shared(key) => ctx.effect_with_key(&target, key, &asked, send, find),
    };
    if eventual {
        call.eventual().await
    } else {
        call.await
    }
}

fn request<T: Resource>(record: &T) -> Result<Value> {
    serde_json::to_value(record).map_err(|error| {
        Failure::fault(
            "unwritable_record",
            format!("a {} cannot be written as JSON", T::NAME),
        )
        .with_detail(error.to_string())
    })
}

fn written<T>(found: &Sourced<T>) -> Written {
    Written {
        id: found.id.clone(),
        code: None,
        version: found.version.clone(),
        created: Some(false),
    }
}

/// Whether the connection declares a verb. That it does not is a decision not to do something, and is recorded.
///
/// # Errors
/// The system API does not answer.
pub async fn declared<T: Resource>(ctx: &Ctx, system: &System, verb: Verb) -> Result<bool> {
    if system.can::<T>(verb).await? {
        return Ok(true);
    }
    let decision = json!({
        "decision": "left_out",
        "reason": format!("{} declares that it cannot {verb} a {}", system.connection(), T::NAME),
    });
    ctx.emit_event("decision.made", ctx.business_key(), decision);
    Ok(false)
}

/// Refuses a change of fields that belong to another kind of system than the one their values come from. Control
/// records the refusal.
///
/// # Errors
/// Business `field_not_owned`.
pub async fn check_ownership<T: Resource>(ctx: &Ctx, fields: &[&str], origin: SystemKind) -> Result<()> {
    let checked = ctx
        .services()
        .ownership
        .check(T::NAME, fields.iter().copied(), origin);
    if checked.is_err() {
        let check = OwnershipCheck {
            resource: T::NAME.to_owned(),
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            origin,
        };
        ctx.services().control.check_ownership(&check).await?;
    }
    checked
}
