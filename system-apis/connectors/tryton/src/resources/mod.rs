//! The collections of the ports. What they share is here and in its neighbours: listing by id, the feed of changes,
//! writing by key.
//!
//! What makes a noun is in its own file, as a [`Noun`]: the model it is read from, its look-ups and its writes.

pub(crate) mod account;
mod changes;
mod documents;
pub(crate) mod expense;
pub(crate) mod finance;
pub(crate) mod invoice;
pub(crate) mod opportunity;
pub(crate) mod payment;
pub(crate) mod person;
pub(crate) mod project;
pub(crate) mod role;
pub(crate) mod task;
pub(crate) mod time_entry;
pub(crate) mod works;
pub(crate) mod writes;

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use canonical_model::{
    Changes, Failure, FindBy, Link, ListQuery, Page, RecordRef, Resource, Result, Sourced, Write,
    WriteResult, Written,
};
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use system_ports::{
    Collection, Consistency, Filter, Idempotency, Support, Verb, none_supported, not_supported,
};

use crate::client::{Client, Search};
use crate::cursor::listing;
use crate::directory::{Directory, Lookups};
use crate::settings::Settings;
use crate::wire::{Record, date, id_of};

/// The vendor's name in refusals.
pub(crate) const VENDOR: &str = "Tryton";
/// The field that tells one version of a record from another.
pub(crate) const VERSION: &str = "_timestamp";
/// What is read of every record.
const COMMON: [&str; 4] = ["id", "create_date", "write_date", VERSION];

/// What all collections of a connection share.
pub(crate) struct Shared {
    /// Name of the connection.
    pub(crate) connection: String,
    /// Its calls.
    pub(crate) client: Client,
    /// Its settings.
    pub(crate) settings: Settings,
    /// What ids stand for.
    pub(crate) directory: Directory,
}

impl Shared {
    /// The results of calls in their order, as many at a time as the connection may make: a call that waits for its turn
    /// inside the client could run out of time there.
    pub(crate) async fn in_turn<T>(
        &self,
        calls: impl IntoIterator<Item = impl Future<Output = T>>,
    ) -> Vec<T> {
        let at_once = usize::try_from(self.settings.limits.max_concurrent).unwrap_or(1);
        stream::iter(calls).buffered(at_once.max(1)).collect().await
    }

    /// The failure as one of this connection.
    pub(crate) fn met(&self, failure: Failure) -> Failure {
        if failure.source.is_some() {
            failure
        } else {
            failure.at(&*self.connection)
        }
    }

    /// Records by their ids, with these fields.
    pub(crate) async fn rows(&self, model: &str, ids: &[i64], fields: &[&str]) -> Result<Vec<Record>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        let mut rows = Vec::with_capacity(ids.len());
        for ids in ids.chunks(500) {
            let search = Search {
                model,
                domain: vec![json!(["id", "in", ids])],
                order: &["id"],
                limit: None,
                fields: &fields,
            };
            rows.extend(self.client.search_read(search).await?.rows);
        }
        Ok(rows)
    }
}

impl Shared {
    /// The id of a party that is there. Not every database refuses a reference that leads nowhere.
    ///
    /// # Errors
    /// Business `invalid_reference` where there is none.
    pub(crate) async fn check_party(&self, party: &RecordRef) -> Result<i64> {
        let id = id_of(party, "account")?;
        if self.rows("party.party", &[id], &["code"]).await?.is_empty() {
            let message = format!("Tryton has no party {id}");
            return Err(Failure::business("invalid_reference", message));
        }
        Ok(id)
    }
}

/// Where a noun's records are read from.
pub(crate) struct Table {
    /// What every record of the collection meets.
    pub(crate) domain: Vec<Value>,
    /// Fields that are read.
    pub(crate) fields: Vec<&'static str>,
    /// Filters that can be applied.
    pub(crate) filters: Vec<Filter>,
}

/// What keeps a noun's writes single, and how many go in one call.
pub(crate) struct Writing {
    pub(crate) idempotency: Idempotency,
    pub(crate) bulk_size: u32,
    /// A record can be taken back by one that names it.
    pub(crate) reverses: bool,
}

/// A filter with its value.
pub(crate) enum By<'a> {
    /// Records of an account.
    Account(i64),
    /// Records of a project.
    Project(i64),
    /// Records of a person.
    Person(i64),
    /// Records in a state, in the canonical word.
    State(&'a str),
    /// Records dated on or after.
    From(chrono::NaiveDate),
    /// Records dated on or before.
    To(chrono::NaiveDate),
}

/// What one kind of record is in Tryton.
#[async_trait]
pub(crate) trait Noun: Send + Sync + 'static {
    /// The canonical record.
    type Record: Resource;
    /// What its mapping needs besides the record: read before the mapping, which is pure.
    type Extra: Default + Send + Sync;
    /// Name of the model.
    const MODEL: &'static str;

    fn shared(&self) -> &Shared;
    fn table(&self) -> Table;
    /// The domain of a filter that is declared.
    fn filter(&self, by: By<'_>) -> Result<Value> {
        match by {
            By::From(day) => Ok(json!(["date", ">=", date(day)])),
            By::To(day) => Ok(json!(["date", "<=", date(day)])),
            By::State(word) => Err(unknown_state(word)),
            By::Account(_) | By::Project(_) | By::Person(_) => Ok(json!([])),
        }
    }
    /// The values that it can be looked up by.
    fn find_by(&self) -> Vec<FindBy>;
    /// The domain of a look-up. It may find too much: [`Noun::matches`] decides.
    fn condition(&self, by: FindBy, value: &str) -> Vec<Value>;
    /// Whether a record that a look-up found is one that was looked for.
    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        by != FindBy::EffectKey || self.key(record).as_deref() == Some(value)
    }
    /// Our key on the record.
    fn key(&self, _record: &Record) -> Option<String> {
        None
    }
    fn writing(&self) -> Option<Writing>;
    async fn extra(&self, _records: &[Record]) -> Result<Self::Extra> {
        Ok(Self::Extra::default())
    }
    /// The canonical record; `None` for a record that is none of this kind, seen closely.
    fn map(&self, record: &Record, lookups: &Lookups, extra: &Self::Extra) -> Result<Option<Self::Record>>;
    async fn write_one(&self, write: &Write<Self::Record>) -> Result<Written>;
    /// Writes that are sent one by one; a noun with a bulk form replaces this.
    async fn write(&self, writes: &[Write<Self::Record>]) -> Vec<WriteResult> {
        let calls: Vec<_> = writes.iter().map(|write| self.write_one(write)).collect();
        let outcomes = self.shared().in_turn(calls).await;
        let answered = writes.iter().zip(outcomes);
        answered
            .map(|(write, outcome)| {
                WriteResult::new(write.key.clone(), outcome.map_err(|f| self.shared().met(f)))
            })
            .collect()
    }
}

/// Refuses a state that the noun does not have.
pub(crate) fn unknown_state(word: &str) -> Failure {
    Failure::business("unknown_state", format!("{word:?} is no state to list by"))
}

/// When a record was changed last.
pub(crate) fn changed_at(record: &Record) -> Result<DateTime<Utc>> {
    let written = record.instant("write_date")?;
    let at = match written {
        Some(at) => Some(at),
        None => record.instant("create_date")?,
    };
    at.ok_or_else(|| record.bad("create_date"))
}

/// A noun as a collection of the port.
pub(crate) struct Shelf<N>(pub(crate) N);

#[async_trait]
impl<N: Noun> Collection<N::Record> for Shelf<N> {
    fn support(&self) -> Support {
        let find_by = self.0.find_by();
        let mut verbs = vec![Verb::List, Verb::Read, Verb::Changes];
        if !find_by.is_empty() {
            verbs.push(Verb::Find);
        }
        let mut support = Support::read_only(&verbs, &find_by);
        support.filters = self.0.table().filters;
        if let Some(writing) = self.0.writing() {
            support.verbs.push(Verb::Write);
            support.idempotency = writing.idempotency;
            support.bulk_size = writing.bulk_size;
            support.consistency = Consistency::ReadAfterWrite;
            if writing.reverses {
                support.verbs.push(Verb::Reverse);
            }
        }
        support
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<Sourced<N::Record>>> {
        self.page(query).await.map_err(|f| self.0.shared().met(f))
    }

    async fn read(&self, id: &str) -> Result<Sourced<N::Record>> {
        self.one(id).await.map_err(|f| self.0.shared().met(f))
    }

    async fn find(&self, by: FindBy, value: &str) -> Result<Vec<Sourced<N::Record>>> {
        self.found(by, value).await.map_err(|f| self.0.shared().met(f))
    }

    async fn changes(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<N::Record>> {
        self.feed(cursor, limit).await.map_err(|f| self.0.shared().met(f))
    }

    async fn write(&self, writes: &[Write<N::Record>]) -> Vec<WriteResult> {
        if self.0.writing().is_none() {
            return none_supported::<N::Record>(VENDOR, Verb::Write, writes.iter().map(|w| w.key.clone()));
        }
        self.0.write(writes).await
    }

    async fn link(&self, links: &[Link]) -> Vec<WriteResult> {
        none_supported::<N::Record>(VENDOR, Verb::Link, links.iter().map(|link| link.key.clone()))
    }
}

impl<N: Noun> Shelf<N> {
    async fn page(&self, query: &ListQuery) -> Result<Page<Sourced<N::Record>>> {
        let mut domain = self.0.table().domain;
        domain.extend(self.filters(query)?);
        domain.push(json!(["id", ">", listing(query.cursor.as_deref())?]));
        let limit = self.limit(query.limit);
        let rows = search(&self.0, domain, Some(limit)).await?;
        let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let last = rows.last().map(Record::id).transpose()?;
        let mapped = self.mapped(&rows).await?.into_iter();
        let items: Vec<Option<_>> = mapped.collect::<Result<_>>()?;
        Ok(Page {
            items: items.into_iter().flatten().collect(),
            next_cursor: last.filter(|_| full).map(|id| id.to_string()),
        })
    }

    async fn one(&self, id: &str) -> Result<Sourced<N::Record>> {
        let missing = || Failure::business("not_found", format!("Tryton has no {} {id}", N::Record::NAME));
        let number: i64 = id.parse().map_err(|_| missing())?;
        let mut domain = self.0.table().domain;
        domain.push(json!(["id", "=", number]));
        let rows = search(&self.0, domain, Some(1)).await?;
        let mapped = self.mapped(&rows).await?.into_iter().next();
        mapped.transpose()?.flatten().ok_or_else(missing)
    }

    async fn found(&self, by: FindBy, value: &str) -> Result<Vec<Sourced<N::Record>>> {
        if !self.0.find_by().contains(&by) {
            return Err(not_supported(VENDOR, N::Record::NAME, Verb::Find));
        }
        let mut domain = self.0.table().domain;
        domain.extend(self.0.condition(by, value));
        let mut rows = search(&self.0, domain, None).await?;
        rows.retain(|row| self.0.matches(row, by, value));
        let mapped = self.mapped(&rows).await?.into_iter();
        let found: Vec<Option<_>> = mapped.collect::<Result<_>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The domains of a query's filters; one that is not declared is refused.
    fn filters(&self, query: &ListQuery) -> Result<Vec<Value>> {
        let declared = self.0.table().filters;
        let allowed = |filter: Filter, word: &str| {
            if declared.contains(&filter) {
                return Ok(());
            }
            let message = format!("{VENDOR} cannot list a {} by {word}", N::Record::NAME);
            Err(Failure::business("filter_not_supported", message))
        };
        // What is no id is the id of nothing.
        let id = |text: &String| text.parse().unwrap_or(-1);
        let asked = [
            (
                Filter::Account,
                "account",
                query.account.as_ref().map(|v| By::Account(id(v))),
            ),
            (
                Filter::Project,
                "project",
                query.project.as_ref().map(|v| By::Project(id(v))),
            ),
            (
                Filter::Person,
                "person",
                query.person.as_ref().map(|v| By::Person(id(v))),
            ),
            (Filter::State, "state", query.state.as_deref().map(By::State)),
            (Filter::Date, "date", query.date_from.map(By::From)),
            (Filter::Date, "date", query.date_to.map(By::To)),
        ];
        let mut domains = Vec::new();
        for (filter, word, by) in asked {
            let Some(by) = by else { continue };
            allowed(filter, word)?;
            domains.push(self.0.filter(by)?);
        }
        Ok(domains)
    }

    fn limit(&self, asked: Option<u32>) -> u32 {
        asked
            .unwrap_or(self.0.shared().settings.limits.page_size)
            .clamp(1, 1000)
    }

    /// The canonical records of rows, in their order. An id that the directory does not know is asked for once more.
    async fn mapped(&self, rows: &[Record]) -> Result<Vec<Result<Option<Sourced<N::Record>>>>> {
        let shared = self.0.shared();
        let extra = self.0.extra(rows).await?;
        let map = |lookups: &Lookups| -> Vec<_> {
            let of = |row: &Record| self.sourced(row, lookups, &extra).map_err(|f| shared.met(f));
            rows.iter().map(of).collect()
        };
        let lookups = shared.directory.current(&shared.client).await?;
        let first = map(&lookups);
        match shared.directory.renewed(&shared.client, &lookups).await? {
            Some(newer) => Ok(map(&newer)),
            None => Ok(first),
        }
    }

    fn sourced(
        &self,
        record: &Record,
        lookups: &Lookups,
        extra: &N::Extra,
    ) -> Result<Option<Sourced<N::Record>>> {
        let Some(data) = self.0.map(record, lookups, extra)? else {
            return Ok(None);
        };
        Ok(Some(Sourced {
            connection: self.0.shared().connection.clone(),
            object: N::MODEL.to_owned(),
            id: record.id()?.to_string(),
            version: record.text(VERSION),
            changed_at: changed_at(record)?,
            effect_key: self.0.key(record),
            links: BTreeMap::new(),
            data,
            extensions: BTreeMap::new(),
        }))
    }
}

/// Records of a noun, in the order of their ids.
pub(crate) async fn search<N: Noun>(noun: &N, domain: Vec<Value>, limit: Option<u32>) -> Result<Vec<Record>> {
    let fields = fields(noun);
    let search = Search {
        model: N::MODEL,
        domain,
        order: &["id"],
        limit,
        fields: &fields,
    };
    Ok(noun.shared().client.search_read(search).await?.rows)
}

/// The record that carries a key, where there is one.
///
/// # Errors
/// Fault `effect_key_not_unique` where several do.
pub(crate) async fn by_key<N: Noun>(noun: &N, key: &str) -> Result<Option<Record>> {
    let mut domain = noun.table().domain;
    domain.extend(noun.condition(FindBy::EffectKey, key));
    let mut rows = search(noun, domain, None).await?;
    rows.retain(|row| noun.key(row).as_deref() == Some(key));
    match rows.len() {
        0 | 1 => Ok(rows.pop()),
        _ => {
            let ids: Vec<i64> = rows.iter().filter_map(|row| row.integer("id")).collect();
            let message = format!("several records of {} carry the key {key}: {ids:?}", N::MODEL);
            Err(Failure::fault("effect_key_not_unique", message))
        }
    }
}

/// What is read of a noun.
fn fields<N: Noun>(noun: &N) -> Vec<String> {
    let own = noun.table().fields;
    COMMON.into_iter().chain(own).map(str::to_owned).collect()
}

/// A collection that Tryton does not have.
pub(crate) struct Absent<T>(PhantomData<fn() -> T>);

impl<T> Absent<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

#[async_trait]
impl<T: Resource> Collection<T> for Absent<T> {
    fn support(&self) -> Support {
        Support::absent()
    }

    async fn list(&self, _: &ListQuery) -> Result<Page<Sourced<T>>> {
        Err(not_supported(VENDOR, T::NAME, Verb::List))
    }

    async fn read(&self, _: &str) -> Result<Sourced<T>> {
        Err(not_supported(VENDOR, T::NAME, Verb::Read))
    }

    async fn find(&self, _: FindBy, _: &str) -> Result<Vec<Sourced<T>>> {
        Err(not_supported(VENDOR, T::NAME, Verb::Find))
    }

    async fn changes(&self, _: Option<&str>, _: u32) -> Result<Changes<T>> {
        Err(not_supported(VENDOR, T::NAME, Verb::Changes))
    }

    async fn write(&self, writes: &[Write<T>]) -> Vec<WriteResult> {
        none_supported::<T>(VENDOR, Verb::Write, writes.iter().map(|write| write.key.clone()))
    }

    async fn link(&self, links: &[Link]) -> Vec<WriteResult> {
        none_supported::<T>(VENDOR, Verb::Link, links.iter().map(|link| link.key.clone()))
    }
}

/// A noun that needs nothing but the connection.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        pub(crate) struct $name(pub(crate) std::sync::Arc<crate::resources::Shared>);
    )+};
}
pub(crate) use plain;

/// Puts nouns on their shelves.
pub(crate) fn shelf<N>(shared: &Arc<Shared>, noun: fn(Arc<Shared>) -> N) -> Shelf<N> {
    Shelf(noun(Arc::clone(shared)))
}

/// A pattern that finds this text without regard to case, and perhaps some others: `%` and `_` stand for anything.
pub(crate) fn loosely(text: &str) -> String {
    text.replace('\\', "_")
}

/// Whether two texts are the same without regard to case.
pub(crate) fn alike(one: Option<String>, other: &str) -> bool {
    one.is_some_and(|one| one.to_lowercase() == other.to_lowercase())
}
