//! The collections of the port. What they share is here: paging by id, changes by stamp, writes by key or id.
//!
//! What makes a noun is in its own file, as a [`Noun`]: names, look-ups, filters and the two directions of the mapping.

mod account;
mod assignment;
mod changes;
mod contact;
mod contract;
mod invoice;
mod links;
mod opportunity;
mod writes;

use std::collections::{BTreeMap, HashSet};
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;
use canonical_model::{
    Changes, Currency, Failure, FindBy, Link, ListQuery, Page, Resource, Result, Sourced, Write, WriteResult,
};
use chrono::{DateTime, Utc};
use system_ports::{Collection, Filter, Support, Verb, none_supported, not_supported};

use crate::client::{Client, Seen};
use crate::mapping::CURRENCY;
use crate::settings::{ExtensionNames, FieldName, LinkNames, Settings};
use crate::soql::{self, Select};
use crate::wire::{Fields, Record};

/// The vendor's name in refusals.
pub(crate) const VENDOR: &str = "Salesforce";

/// What one kind of record is in Salesforce.
pub(crate) trait Noun: Resource {
    /// Whether it has an amount, and so a currency in an org with several.
    const HAS_CURRENCY: bool;
    /// Whether it is only ever updated, because people make it.
    const MADE_BY_PEOPLE: bool;

    fn support() -> Support;
    /// The object's API name and the field of our key.
    fn names(settings: &Settings) -> (&FieldName, &FieldName);
    fn columns(settings: &Settings) -> Vec<String>;
    fn extensions(settings: &Settings) -> &ExtensionNames;
    fn links(settings: &Settings) -> Option<&BTreeMap<String, LinkNames>>;
    /// The relationship whose children come with the record.
    fn children(settings: &Settings) -> Option<&str>;
    /// What every record of the collection meets.
    fn always(settings: &Settings) -> Option<String>;
    /// Conditions of a listing; only filters that are declared arrive here.
    fn filters(settings: &Settings, query: &ListQuery) -> Result<Vec<String>>;
    /// The ways to ask for a value, each by itself; only what is declared, and not our key, arrives here.
    fn look_ups(settings: &Settings, by: FindBy, value: &str) -> Vec<LookUp<Self>>;
    fn from_record(record: &Record, settings: &Settings) -> Result<Self>;
    /// The fields of a write; `known` is the currency of the record that is updated, where it was asked for.
    fn to_fields(&self, settings: &Settings, known: Option<Currency>) -> Result<Fields>;
    /// Whether an update has to know the record's currency.
    fn needs_currency(&self) -> bool;
}

/// One way to ask for a value.
pub(crate) struct LookUp<T> {
    pub(crate) condition: String,
    /// Whether a record that was found is truly meant, where the condition can only ask roughly.
    pub(crate) meant: fn(&Sourced<T>, &str) -> bool,
}

impl<T> LookUp<T> {
    /// Whatever is found is meant.
    pub(crate) fn exact(condition: String) -> Self {
        Self {
            condition,
            meant: |_, _| true,
        }
    }

    /// A field that holds exactly this text, where the org has it.
    fn field(name: Option<&str>, value: &str) -> Vec<Self> {
        name.map(|name| Self::exact(format!("{name} = {}", soql::text(value))))
            .into_iter()
            .collect()
    }
}

/// What all collections of one connection share.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
}

/// The records of one kind.
pub(crate) struct Records<T> {
    shared: Arc<Shared>,
    noun: PhantomData<fn() -> T>,
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

    fn object(&self) -> &str {
        T::names(self.settings()).0.name()
    }

    fn key_field(&self) -> &str {
        T::names(self.settings()).1.name()
    }

    fn select(&self, conditions: Vec<String>, more_columns: &[&str]) -> Select<'_> {
        let settings = self.settings();
        let own = T::columns(settings);
        let extensions = T::extensions(settings).values();
        let links = T::links(settings)
            .into_iter()
            .flat_map(BTreeMap::values)
            .map(|names| &names.id);
        let custom = extensions
            .chain(links)
            .filter_map(|name| name.get())
            .map(str::to_owned);
        let currency = (T::HAS_CURRENCY && settings.multi_currency).then(|| CURRENCY.to_owned());
        let system = ["Id", "SystemModstamp", self.key_field()]
            .into_iter()
            .chain(more_columns.iter().copied());
        // The vendor refuses a query that names a field twice.
        let mut seen = HashSet::new();
        let mut columns: Vec<String> = system
            .map(str::to_owned)
            .chain(own)
            .chain(custom)
            .chain(currency)
            .collect();
        columns.retain(|column| seen.insert(column.to_ascii_lowercase()));
        let conditions = T::always(settings).into_iter().chain(conditions).collect();
        Select {
            object: self.object(),
            columns,
            conditions,
            order: "Id",
            limit: None,
        }
    }

    /// Asks for one record as a listing would, and leaves open whether it can be mapped: one odd record is no illness.
    pub(crate) async fn probe(&self) -> Result<()> {
        let mut select = self.select(Vec::new(), &[]);
        select.limit = Some(1);
        self.fetch(&select, Seen::Live, &format!("checking {}", T::PATH))
            .await
            .map(drop)
    }

    /// The records of a query with all their children.
    async fn fetch(&self, select: &Select<'_>, seen: Seen, what: &str) -> Result<crate::client::Found> {
        let mut found = self.client().query(&select.soql(), seen, what).await?;
        if let Some(relationship) = T::children(self.settings()) {
            self.client()
                .complete_children(&mut found.records, relationship, what)
                .await?;
        }
        Ok(found)
    }

    fn to_sourced(&self, record: &Record) -> Result<Sourced<T>> {
        self.sourced(record)
            .map_err(|failure| failure.at(self.client().connection()))
    }

    fn sourced(&self, record: &Record) -> Result<Sourced<T>> {
        let settings = self.settings();
        let (id, changed_at) = (record.id()?, record.instant("SystemModstamp")?);
        let mut extensions = BTreeMap::new();
        for (name, field) in T::extensions(settings) {
            if let Some(value) = field
                .get()
                .map(|field| record.extension(field))
                .transpose()?
                .flatten()
            {
                extensions.insert(name.clone(), value);
            }
        }
        let mut links = BTreeMap::new();
        for (system, names) in T::links(settings).into_iter().flatten() {
            if let Some(other_id) = record.custom_text(&names.id)? {
                links.insert(system.clone(), other_id);
            }
        }
        Ok(Sourced {
            connection: self.client().connection().to_owned(),
            object: self.object().to_owned(),
            id,
            version: Some(version(changed_at)),
            changed_at,
            effect_key: record.text(self.key_field())?,
            links,
            data: T::from_record(record, settings)?,
            extensions,
        })
    }

    fn refuse<R>(&self, verb: Verb) -> Result<R> {
        Err(not_supported(VENDOR, T::NAME, verb).at(self.client().connection()))
    }

    fn missing(&self, id: &str) -> Failure {
        let message = format!("there is no {} {id} in Salesforce", T::NAME);
        Failure::business("not_found", message).at(self.client().connection())
    }

    fn check_filters(&self, query: &ListQuery) -> Result<()> {
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
        match given
            .iter()
            .find(|(filter, _, given)| *given && !allowed.contains(filter))
        {
            None => Ok(()),
            Some((_, name, _)) => {
                let message = format!("a listing of {} in Salesforce has no filter by {name}", T::PATH);
                Err(Failure::business("filter_not_supported", message).at(self.client().connection()))
            }
        }
    }
}

/// The vendor's stamp of a record's last change as its version.
fn version(changed_at: DateTime<Utc>) -> String {
    soql::instant(changed_at)
}

#[async_trait]
impl<T: Noun> Collection<T> for Records<T> {
    fn support(&self) -> Support {
        Support {
            bulk_size: u32::try_from(self.client().limits.batch_size).unwrap_or(u32::MAX),
            ..T::support()
        }
    }

    /// Pages by id: unlike the vendor's cursors, of which a user has ten, a page by id can be asked for at any time and
    /// by anybody, and a record that comes in between moves no other.
    async fn list(&self, query: &ListQuery) -> Result<Page<Sourced<T>>> {
        if !T::support().has(Verb::List) {
            return self.refuse(Verb::List);
        }
        self.check_filters(query)?;
        let limit = query.limit.unwrap_or(200).clamp(1, 1000);
        let mut conditions = T::filters(self.settings(), query)?;
        if let Some(cursor) = &query.cursor {
            if !soql::is_id(cursor) {
                return Err(Failure::business(
                    "invalid_cursor",
                    format!("{cursor:?} is no cursor of this listing"),
                ));
            }
            conditions.push(format!("Id > {}", soql::text(cursor)));
        }
        let mut select = self.select(conditions, &[]);
        // One more than asked for tells whether there is a next page.
        select.limit = Some(limit + 1);
        let found = self
            .fetch(&select, Seen::Live, &format!("listing {}", T::PATH))
            .await?;
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = found.records.len() > wanted;
        let items = found
            .records
            .iter()
            .take(wanted)
            .map(|record| self.to_sourced(record));
        let items = items.collect::<Result<Vec<_>>>()?;
        let next_cursor = items.last().filter(|_| more).map(|last| last.id.clone());
        Ok(Page { items, next_cursor })
    }

    async fn read(&self, id: &str) -> Result<Sourced<T>> {
        if !T::support().has(Verb::Read) {
            return self.refuse(Verb::Read);
        }
        if !soql::is_id(id) {
            return Err(self.missing(id));
        }
        let select = self.select(vec![format!("Id = {}", soql::text(id))], &[]);
        let found = self
            .fetch(&select, Seen::Live, &format!("reading {} {id}", T::NAME))
            .await?;
        let record = found.records.first().ok_or_else(|| self.missing(id))?;
        self.to_sourced(record)
    }

    async fn find(&self, by: FindBy, value: &str) -> Result<Vec<Sourced<T>>> {
        let support = T::support();
        if !support.has(Verb::Find) || !support.find_by.contains(&by) {
            return self.refuse(Verb::Find);
        }
        let look_ups = match by {
            FindBy::EffectKey => LookUp::field(Some(self.key_field()), value),
            by => T::look_ups(self.settings(), by, value),
        };
        let mut found: Vec<Sourced<T>> = Vec::new();
        for LookUp { condition, meant } in look_ups {
            let select = self.select(vec![condition], &[]);
            let answer = self
                .fetch(&select, Seen::Live, &format!("looking up {}", T::PATH))
                .await?;
            for record in &answer.records {
                let record = self.to_sourced(record)?;
                if meant(&record, value) && found.iter().all(|known| known.id != record.id) {
                    found.push(record);
                }
            }
        }
        Ok(found)
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
        self.write_all(writes).await
    }

    async fn link(&self, links: &[Link]) -> Vec<WriteResult> {
        if !T::support().has(Verb::Link) {
            return none_supported::<T>(VENDOR, Verb::Link, links.iter().map(|l| l.key.clone()));
        }
        self.link_all(links).await
    }
}

/// Conditions for a day between two.
fn between(field: &str, query: &ListQuery) -> Vec<String> {
    let from = query
        .date_from
        .map(|day| format!("{field} >= {}", soql::date(day)));
    let to = query.date_to.map(|day| format!("{field} <= {}", soql::date(day)));
    from.into_iter().chain(to).collect()
}

/// Condition for a lookup. A text that is no id points to nothing, and the vendor refuses to compare with it.
fn points_to(field: &str, id: &str) -> String {
    if soql::is_id(id) {
        format!("{field} = {}", soql::text(id))
    } else {
        "Id = null".to_owned()
    }
}

/// The org's word for a state that a caller names in canonical words.
fn state_word<'w, S: serde::de::DeserializeOwned + Copy + PartialEq>(
    state: &str,
    words: &[(S, &'w str)],
) -> Result<&'w str> {
    let known = serde_json::from_value::<S>(serde_json::Value::from(state)).ok();
    let word = known
        .and_then(|state| words.iter().find(|(s, _)| *s == state))
        .map(|(_, word)| *word);
    word.ok_or_else(|| {
        Failure::business(
            "unknown_state",
            format!("{state:?} is no state that can be listed by"),
        )
    })
}
