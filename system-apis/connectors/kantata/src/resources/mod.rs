//! The collections of the port. What they share is here: listing, look-ups, changes, writes and links.
//!
//! What makes a noun is in its own file, as a [`Noun`]: the object, its filters, what has to come along to read it, and
//! the vendor's events that concern it. A filter that Kantata does not know it ignores, so that each record of an answer is
//! checked again against what was asked for.

mod account;
mod assignment;
mod changes;
mod expense;
mod links;
mod milestone;
mod people;
mod project;
mod rates;
mod resource_request;
mod shared;
mod task;
mod time_entry;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use canonical_model::{
    Changes, Failure, FindBy, Link, ListQuery, Page, Resource, Result, Sourced, Write, WriteResult,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use system_ports::{Collection, Filter, Support, Verb, none_supported, not_supported};

use crate::client::{Client, Object, Params};
use crate::cursor::{Place, is_id};
use crate::mapping::View;
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

pub(crate) use shared::Shared;

/// The vendor's name in refusals.
pub(crate) const VENDOR: &str = "Kantata";

/// Where our key is: the kind of subject and the custom field.
pub(crate) struct KeyField<'s> {
    pub(crate) subject: &'static str,
    pub(crate) field: &'s str,
}

/// By what a collection is read in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// When records were made, oldest first.
    Created,
    /// When records were last changed, oldest first.
    Updated,
    /// When records were last changed, which the vendor can filter by and not sort by: read whole, sorted here.
    UpdatedUnsorted,
    /// The collection is small and read whole.
    None,
}

/// What one kind of record is in Kantata.
pub(crate) trait Noun: Resource {
    const OBJECT: Object;
    /// By what it is listed.
    const LISTED_BY: Stamp;
    /// By what its changes are found.
    const CHANGED_BY: Stamp;
    /// The states that it can be listed by.
    const STATES: &'static [&'static str] = &[];
    /// Its name in the vendor's events.
    const EVENT: &'static str = "";
    /// The vendor's events that concern it.
    const EVENTS: &'static [&'static str] = &[];
    /// Of which type its stories are, where it is a story.
    const STORY_TYPE: Option<&'static str> = None;
    /// The kind of subject under which external references know it.
    const REFERENCED_AS: Option<&'static str> = None;

    fn support() -> Support;
    /// Parameters of every reading: what comes along, and default filters switched off.
    fn params() -> Params;
    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>>;

    /// The vendor's filters for what is asked for.
    fn filters(_: &ListQuery) -> Params {
        Vec::new()
    }

    /// Whether a record is what was asked for.
    fn keeps(&self, _: &ListQuery) -> bool {
        true
    }

    fn key_field(_: &Settings) -> Option<KeyField<'_>> {
        None
    }

    fn effect_key(record: &Record, view: View<'_>) -> Option<String> {
        let key = Self::key_field(view.settings)?;
        view.envelope.custom_text(record, key.field)
    }

    fn changed_at(record: &Record, _: View<'_>) -> Result<DateTime<Utc>> {
        let at = record.instant("updated_at")?;
        record.needed("updated_at", at)
    }

    /// The vendor's filters for a look-up other than by our key; `None` where the whole collection has to be read.
    fn look_up(_: FindBy, _: &str, _: &Settings) -> Option<Params> {
        None
    }

    /// Whether a record that was found is the one that was looked up.
    fn meant(_: &Sourced<Self>, _: FindBy, _: &str) -> bool {
        false
    }

    /// Loads what reading these records needs beside what came along.
    fn complete(_: &Shared, _: &mut Envelope, _: &[String]) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// The records that events of a kind, about these subjects, concern.
    fn concerned(_: &Shared, _: &str, _: &BTreeSet<String>) -> impl Future<Output = Result<Envelope>> + Send {
        std::future::ready(Ok(Envelope::default()))
    }

    /// Ids of the records that carry our key.
    fn with_key(records: &Records<Self>, key: &str) -> impl Future<Output = Result<BTreeSet<String>>> + Send {
        async move {
            match Self::key_field(&records.shared.settings) {
                Some(field) => records.shared.ids_with(&field, key).await,
                None => Ok(BTreeSet::new()),
            }
        }
    }

    fn write_all(
        records: &Records<Self>,
        writes: &[Write<Self>],
    ) -> impl Future<Output = Vec<WriteResult>> + Send {
        let _ = records;
        let keys = writes.iter().map(|write| write.key.clone());
        std::future::ready(none_supported::<Self>(VENDOR, Verb::Write, keys))
    }
}

/// The records of one kind.
pub(crate) struct Records<T> {
    shared: Arc<Shared>,
    noun: PhantomData<fn() -> T>,
}

/// A part of a list, in order.
pub(crate) struct Part {
    pub(crate) envelope: Envelope,
    pub(crate) places: Vec<Place>,
    pub(crate) more: bool,
}

impl Part {
    pub(crate) fn ids(&self) -> Vec<String> {
        self.places.iter().map(|place| place.id.clone()).collect()
    }
}

impl<T: Noun> Records<T> {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            noun: PhantomData,
        }
    }

    fn client(&self) -> &Client {
        &self.shared.client
    }

    fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    fn view<'a>(&'a self, envelope: &'a Envelope) -> View<'a> {
        View {
            envelope,
            settings: self.settings(),
        }
    }

    fn at_home(&self, failure: Failure) -> Failure {
        failure.at(self.client().connection())
    }

    fn refuse<R>(&self, verb: Verb) -> Result<R> {
        Err(self.at_home(not_supported(VENDOR, T::NAME, verb)))
    }

    fn missing(&self, id: &str) -> Failure {
        let message = format!("there is no {} {id} in {VENDOR}", T::NAME);
        self.at_home(Failure::business("not_found", message))
    }

    /// The records behind a place, at most `limit`.
    async fn behind(
        &self,
        by: Stamp,
        from: &Place,
        limit: usize,
        filters: Params,
        what: &str,
    ) -> Result<Part> {
        let mut params = T::params();
        params.extend(filters);
        let (filter, order) = match by {
            Stamp::Created => ("created_after", Some("created_at:asc")),
            Stamp::Updated => ("updated_after", Some("updated_at:asc")),
            // Who is made later comes later, so that pages do not move.
            Stamp::UpdatedUnsorted => ("updated_after", Some("created_at:asc")),
            Stamp::None => ("created_after", None),
        };
        params.extend(order.map(|order| ("order", order.to_owned())));
        params.extend(from.before().map(|at| (filter, at)));
        let sorted = matches!(by, Stamp::Created | Stamp::Updated);
        let place = |envelope: &Envelope, id: &str| place_of::<T>(envelope, by, id);
        let enough = |envelope: &Envelope| {
            let all: Option<Vec<Place>> = envelope
                .results
                .iter()
                .map(|id| place(envelope, id).ok())
                .collect();
            let (Some(all), true) = (all, sorted) else {
                return false;
            };
            let reached = all.last().map_or(0, |last| last.at);
            let mut places: Vec<Place> = all.into_iter().filter(|place| place > from).collect();
            places.sort();
            // Only whole seconds can be sorted: the id decides within one.
            limit
                .checked_sub(1)
                .and_then(|last| places.get(last))
                .is_some_and(|last| places.len() > limit && reached > last.at)
        };
        let envelope = self
            .client()
            .pages(T::OBJECT.plural, &params, what, enough)
            .await?;
        let places: Result<Vec<Place>> = envelope.results.iter().map(|id| place(&envelope, id)).collect();
        let mut places = places.map_err(|failure| self.at_home(failure))?;
        places.retain(|place| place > from);
        places.sort();
        let more = places.len() > limit;
        places.truncate(limit);
        Ok(Part {
            envelope,
            places,
            more,
        })
    }

    /// The records of these ids, with all that reading them needs.
    async fn by_id(&self, ids: &BTreeSet<String>) -> Result<Envelope> {
        let what = format!("reading {}", T::PATH);
        let mut found = self
            .client()
            .only(T::OBJECT.plural, ids, &T::params(), &what)
            .await?;
        // An unknown type of story would be ignored, and another noun's record be taken for ours.
        found.results.retain(|id| ids.contains(id));
        self.complete(&mut found).await?;
        Ok(found)
    }

    /// Completes everything that was found.
    async fn complete(&self, envelope: &mut Envelope) -> Result<()> {
        let ids = envelope.results.clone();
        T::complete(&self.shared, envelope, &ids).await
    }

    /// A record as callers get it; `None` where Kantata's record says nothing of this kind.
    fn sourced(&self, envelope: &Envelope, id: &str) -> Result<Option<Sourced<T>>> {
        self.to_sourced(envelope, id)
            .map_err(|failure| self.at_home(failure))
    }

    fn to_sourced(&self, envelope: &Envelope, id: &str) -> Result<Option<Sourced<T>>> {
        let record = envelope.found(T::OBJECT.plural, id)?;
        if !is_of_type::<T>(record) {
            return Ok(None);
        }
        let view = self.view(envelope);
        let Some(data) = T::read(record, view)? else {
            return Ok(None);
        };
        Ok(Some(Sourced {
            connection: self.client().connection().to_owned(),
            object: T::OBJECT.singular.to_owned(),
            id: id.to_owned(),
            version: version(record),
            changed_at: T::changed_at(record, view)?,
            effect_key: T::effect_key(record, view),
            links: links::read(envelope, record, self.settings()),
            data,
            extensions: BTreeMap::new(),
        }))
    }

    fn all_sourced(&self, envelope: &Envelope) -> Result<Vec<Sourced<T>>> {
        let all: Result<Vec<_>> = envelope
            .results
            .iter()
            .map(|id| self.sourced(envelope, id))
            .collect();
        Ok(all?.into_iter().flatten().collect())
    }

    fn check_query(&self, query: &ListQuery) -> Result<()> {
        let given = [
            (Filter::Account, "account", query.account.is_some()),
            (Filter::Project, "project", query.project.is_some()),
            (Filter::Person, "person", query.person.is_some()),
            (Filter::State, "state", query.state.is_some()),
            (
                Filter::Date,
                "date",
                query.date_from.is_some() || query.date_to.is_some(),
            ),
        ];
        let allowed = T::support().filters;
        let wrong = given
            .iter()
            .find(|(filter, _, given)| *given && !allowed.contains(filter));
        if let Some((_, name, _)) = wrong {
            let message = format!("a listing of {} in {VENDOR} has no filter by {name}", T::PATH);
            return Err(self.at_home(Failure::business("filter_not_supported", message)));
        }
        match &query.state {
            Some(state) if !T::STATES.contains(&state.as_str()) => {
                let message = format!("{state:?} is no state that {} can be listed by", T::PATH);
                Err(self.at_home(Failure::business("unknown_state", message)))
            }
            _ => Ok(()),
        }
    }

    /// Ids of the records that carry our key.
    async fn ids_with_key(&self, key: &str) -> Result<BTreeSet<String>> {
        T::with_key(self, key).await
    }

    async fn found(&self, by: FindBy, value: &str) -> Result<Vec<Sourced<T>>> {
        if by == FindBy::EffectKey {
            let ids = self.ids_with_key(value).await?;
            let mut found = self.all_sourced(&self.by_id(&ids).await?)?;
            found.retain(|record| record.effect_key.as_deref() == Some(value));
            return Ok(found);
        }
        let mut params = T::params();
        params.extend(T::look_up(by, value, self.settings()).unwrap_or_default());
        let what = format!("looking up {}", T::PATH);
        let mut envelope = self
            .client()
            .pages(T::OBJECT.plural, &params, &what, |_| false)
            .await?;
        self.complete(&mut envelope).await?;
        let mut found = Vec::new();
        for id in &envelope.results {
            // One that cannot be read is not the one that is looked for, unless nothing else is.
            match self.sourced(&envelope, id) {
                Ok(record) => found.extend(record.filter(|record| T::meant(record, by, value))),
                Err(failure) if envelope.results.len() == 1 => return Err(failure),
                Err(failure) => tracing::warn!(%failure, "a record was passed over in a look-up"),
            }
        }
        Ok(found)
    }
}

/// A record's place in the order of a reading.
fn place_of<T: Noun>(envelope: &Envelope, by: Stamp, id: &str) -> Result<Place> {
    let field = match by {
        Stamp::Created => "created_at",
        Stamp::Updated | Stamp::UpdatedUnsorted => "updated_at",
        Stamp::None => {
            return Ok(Place {
                at: 0,
                id: id.to_owned(),
            });
        }
    };
    let record = envelope.found(T::OBJECT.plural, id)?;
    let at = record.instant(field)?;
    Ok(Place::new(record.needed(field, at)?, id))
}

fn is_of_type<T: Noun>(record: &Record) -> bool {
    T::STORY_TYPE.is_none_or(|wanted| record.text("story_type").as_deref() == Some(wanted))
}

/// Kantata has no versions and lets the last write win; the stamp of the last change is the closest.
fn version(record: &Record) -> Option<String> {
    record.text("updated_at")
}

/// Parameters from pairs.
fn params(pairs: &[(&'static str, &str)]) -> Params {
    pairs
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}

/// A filter where there is a value.
fn filter(name: &'static str, value: Option<&String>) -> Params {
    value.map(|value| (name, value.clone())).into_iter().collect()
}

/// A filter by days, which takes both ends.
fn between(name: &'static str, query: &ListQuery) -> Params {
    if query.date_from.is_none() && query.date_to.is_none() {
        return Vec::new();
    }
    let day =
        |day: Option<chrono::NaiveDate>, open: &str| day.map_or_else(|| open.to_owned(), |d| d.to_string());
    let (from, to) = (
        day(query.date_from, "1970-01-01"),
        day(query.date_to, "9999-12-31"),
    );
    vec![(name, format!("{from}:{to}"))]
}

fn within(day: chrono::NaiveDate, query: &ListQuery) -> bool {
    query.date_from.is_none_or(|from| day >= from) && query.date_to.is_none_or(|to| day <= to)
}

/// Whether a value is the one asked for, or none was asked for.
fn is(wanted: Option<&String>, value: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| Some(wanted.as_str()) == value)
}

/// Whether a state is the one asked for in its canonical word.
fn in_state(wanted: Option<&String>, state: impl Serialize) -> bool {
    wanted.is_none_or(|wanted| {
        serde_json::to_value(state).ok().as_ref().and_then(|s| s.as_str()) == Some(wanted)
    })
}

fn same_text(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

#[async_trait]
impl<T: Noun> Collection<T> for Records<T> {
    fn support(&self) -> Support {
        T::support()
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Sourced<T>>> {
        if !T::support().has(Verb::List) {
            return self.refuse(Verb::List);
        }
        self.check_query(query)?;
        let limit = usize::try_from(query.limit.unwrap_or(200).clamp(1, 1000)).unwrap_or(200);
        let from = query.cursor.as_deref().map(str::parse).transpose();
        let from: Place = from.map_err(|failure| self.at_home(failure))?.unwrap_or_default();
        let what = format!("listing {}", T::PATH);
        let mut part = self
            .behind(T::LISTED_BY, &from, limit, T::filters(query), &what)
            .await?;
        let ids = part.ids();
        T::complete(&self.shared, &mut part.envelope, &ids).await?;
        let mut items = Vec::with_capacity(ids.len());
        for id in &ids {
            let record = self.sourced(&part.envelope, id)?;
            items.extend(record.filter(|record| record.data.keeps(query)));
        }
        let next_cursor = part.places.last().filter(|_| part.more).map(Place::to_string);
        Ok(Page { items, next_cursor })
    }

    async fn read(&self, id: &str) -> Result<Sourced<T>> {
        if !T::support().has(Verb::Read) {
            return self.refuse(Verb::Read);
        }
        if !is_id(id) {
            return Err(self.missing(id));
        }
        let found = self.by_id(&BTreeSet::from([id.to_owned()])).await?;
        if found.results.is_empty() {
            return Err(self.missing(id));
        }
        self.sourced(&found, id)?.ok_or_else(|| self.missing(id))
    }

    async fn find(&self, by: FindBy, value: &str) -> Result<Vec<Sourced<T>>> {
        let support = T::support();
        if !support.has(Verb::Find) || !support.find_by.contains(&by) {
            return self.refuse(Verb::Find);
        }
        self.found(by, value).await
    }

    async fn changes(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<T>> {
        if !T::support().has(Verb::Changes) {
            return self.refuse(Verb::Changes);
        }
        self.changes_since(cursor, limit.clamp(1, 1000)).await
    }

    async fn write(&self, writes: &[Write<T>]) -> Vec<WriteResult> {
        if !T::support().has(Verb::Write) {
            return none_supported::<T>(VENDOR, Verb::Write, writes.iter().map(|w| w.key.clone()));
        }
        T::write_all(self, writes).await
    }

    async fn link(&self, links: &[Link]) -> Vec<WriteResult> {
        if !T::support().has(Verb::Link) {
            return none_supported::<T>(VENDOR, Verb::Link, links.iter().map(|l| l.key.clone()));
        }
        self.link_all(links).await
    }
}
