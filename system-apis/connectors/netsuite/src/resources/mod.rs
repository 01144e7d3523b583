//! The collections of the port. What they share is here and in its neighbours: listing by id, the feed of changes,
//! writing by key.
//!
//! What makes a noun is in its own file, as a [`Noun`]: the table it is listed from, its look-ups and its writes.

pub(crate) mod account;
pub(crate) mod assignment;
pub(crate) mod batch;
pub(crate) mod billing_schedule;
mod changes;
pub(crate) mod contract;
pub(crate) mod credit_note;
pub(crate) mod expense;
pub(crate) mod finance;
pub(crate) mod invoice;
pub(crate) mod payment;
pub(crate) mod person;
pub(crate) mod project;
pub(crate) mod role;
pub(crate) mod task;
pub(crate) mod time_entry;
pub(crate) mod writes;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use canonical_model::{
    Changes, Failure, FindBy, Link, ListQuery, Page, Resource, Result, Sourced, Write, WriteResult, Written,
};
use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use futures_util::stream::{self, StreamExt};
use system_ports::{
    Collection, Consistency, Filter, Idempotency, Support, Verb, none_supported, not_supported,
};

use crate::client::Client;
use crate::cursor::Listing;
use crate::directory::{Directory, Lookups};
use crate::settings::Settings;
use crate::wire::Record;

/// The vendor's name in refusals.
pub(crate) const VENDOR: &str = "NetSuite";
/// How stamps are asked for: they sort as text and do not depend on the user's date format.
pub(crate) const STAMP: &str = "YYYY-MM-DD HH24:MI:SS";

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
}

/// Where a noun's records are listed from.
pub(crate) struct Table {
    /// SuiteQL table.
    pub(crate) name: &'static str,
    /// What every record of the collection meets.
    pub(crate) condition: Option<String>,
    /// Columns with the whole record, for nouns without lines; absent = each record is read from the record service.
    pub(crate) columns: Option<Vec<String>>,
    /// Columns of the filters that can be applied.
    pub(crate) filters: Vec<(Filter, &'static str)>,
}

/// What keeps a noun's writes single, and how many go in one call.
pub(crate) struct Writing {
    pub(crate) idempotency: Idempotency,
    pub(crate) bulk_size: u32,
}

/// What one kind of record is in NetSuite.
#[async_trait]
pub(crate) trait Noun: Send + Sync + 'static {
    /// The canonical record.
    type Record: Resource;
    /// What its mapping needs besides the record: read before the mapping, which is pure.
    type Extra: Default + Send + Sync;
    /// Name of the record type.
    const OBJECT: &'static str;
    /// Whether it is read from the record service; employees are not, for that would read their private data.
    const IN_RECORD_SERVICE: bool = true;
    /// Whether each line of a vendor record is a canonical record, with ids such as `5012-1`.
    const BY_LINE: bool = false;

    fn shared(&self) -> &Shared;
    fn table(&self) -> Table;
    /// The values that it can be looked up by.
    fn find_by(&self) -> Vec<FindBy>;
    /// The SQL condition of a look-up other than by our key; every `?` stands for the value.
    fn condition(&self, by: FindBy) -> Option<String>;
    /// The vendor's values of a canonical state.
    fn states(&self, word: &str) -> Result<Vec<String>> {
        Err(unknown_state(word))
    }
    fn writing(&self) -> Option<Writing>;
    /// Whether the account takes records that reverse others.
    fn reverses(&self) -> bool {
        false
    }
    async fn extra(&self, _records: &[Record]) -> Result<Self::Extra> {
        Ok(Self::Extra::default())
    }
    /// The canonical records of a vendor record: one, or one a line.
    fn map(
        &self,
        record: &Record,
        lookups: &Lookups,
        extra: &Self::Extra,
    ) -> Result<Vec<(Option<u32>, Self::Record)>>;
    async fn write_one(&self, write: &Write<Self::Record>) -> Result<Written>;
    /// Writes that NetSuite takes one by one; a noun with a bulk form replaces this.
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

/// A noun as a collection of the port.
pub(crate) struct Shelf<N>(pub(crate) N);

/// What became of one vendor record: its canonical records, or why there are none.
type Mapped<T> = Result<Vec<Sourced<T>>>;

#[async_trait]
impl<N: Noun> Collection<N::Record> for Shelf<N> {
    fn support(&self) -> Support {
        let find_by = self.0.find_by();
        let mut verbs = vec![Verb::List, Verb::Read, Verb::Changes];
        if !find_by.is_empty() {
            verbs.push(Verb::Find);
        }
        let mut support = Support::read_only(&verbs, &find_by);
        support.filters = self
            .0
            .table()
            .filters
            .into_iter()
            .map(|(filter, _)| filter)
            .collect();
        if let Some(writing) = self.0.writing() {
            support.verbs.push(Verb::Write);
            support.idempotency = writing.idempotency;
            support.bulk_size = writing.bulk_size;
            support.consistency = Consistency::ReadAfterWrite;
            if self.0.reverses() {
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
        let (mut conditions, mut params) = self.conditions(query)?;
        let at = Listing::parse(query.cursor.as_deref())?;
        conditions.push(if at.line.is_some() { "id >= ?" } else { "id > ?" }.to_owned());
        params.push(at.id.to_string());
        let limit = self.limit(query.limit);
        let sql = format!("{} ORDER BY id", self.select(&conditions));
        let rows = self.0.shared().client.query(&sql, &params, limit).await?;
        let last = rows.rows.last().map(Record::id).transpose()?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut items: Vec<Sourced<N::Record>> = Vec::new();
        for (row, mapped) in self.records(rows.rows).await? {
            let mut of_row = mapped?;
            if at.line.is_some() && row == at.id.to_string() {
                of_row.retain(|item| Listing::parse(Some(&item.id)).is_ok_and(|own| own.line > at.line));
            }
            items.extend(of_row);
        }
        let overfull = items.len() > most;
        items.truncate(most);
        let next_cursor = match (overfull, rows.more) {
            (true, _) => items.last().map(|item| item.id.clone()),
            (false, true) => last,
            (false, false) => None,
        };
        Ok(Page { items, next_cursor })
    }

    async fn one(&self, id: &str) -> Result<Sourced<N::Record>> {
        let missing = || Failure::business("not_found", format!("NetSuite has no {} {id}", N::Record::NAME));
        // Only numbers are ids: `eid:x` would be a look-up in disguise, and SuiteQL fails on other text.
        let record_id = crate::cursor::split_id(id).0;
        if record_id.parse::<i64>().is_err() {
            return Err(missing());
        }
        let record = if N::IN_RECORD_SERVICE {
            self.0.shared().client.get(N::OBJECT, record_id).await?
        } else {
            let sql = self.select(&["id = ?".to_owned()]);
            let rows = self
                .0
                .shared()
                .client
                .query(&sql, &[record_id.to_owned()], 1)
                .await?;
            rows.rows.into_iter().next()
        };
        let record = self.stamped(record.ok_or_else(missing)?).await?;
        let mapped = self.mapped(vec![record]).await?;
        let of_record = mapped
            .into_iter()
            .map(|(_, mapped)| mapped)
            .collect::<Result<Vec<_>>>()?;
        of_record
            .into_iter()
            .flatten()
            .find(|item| item.id == id)
            .ok_or_else(missing)
    }

    async fn found(&self, by: FindBy, value: &str) -> Result<Vec<Sourced<N::Record>>> {
        if !self.0.find_by().contains(&by) {
            return Err(not_supported(VENDOR, N::Record::NAME, Verb::Find));
        }
        let mapped = if by == FindBy::EffectKey {
            let record = self
                .0
                .shared()
                .client
                .get(N::OBJECT, &format!("eid:{value}"))
                .await?;
            let Some(record) = record else {
                return Ok(Vec::new());
            };
            self.mapped(vec![self.stamped(record).await?]).await?
        } else {
            let condition = self.0.condition(by).unwrap_or_default();
            let params = vec![value.to_owned(); condition.matches('?').count()];
            let sql = format!("{} ORDER BY id", self.select(&[condition]));
            let rows = self.0.shared().client.query(&sql, &params, 1000).await?;
            self.records(rows.rows).await?
        };
        let found = mapped
            .into_iter()
            .map(|(_, mapped)| mapped)
            .collect::<Result<Vec<_>>>()?;
        Ok(found.into_iter().flatten().collect())
    }

    /// The conditions of a query's filters; one that is not declared is refused.
    fn conditions(&self, query: &ListQuery) -> Result<(Vec<String>, Vec<String>)> {
        let table = self.0.table();
        let column = |filter: Filter, word: &str| {
            let found = table.filters.iter().find(|(known, _)| *known == filter);
            found.map(|(_, column)| *column).ok_or_else(|| {
                let message = format!("{VENDOR} cannot list a {} by {word}", N::Record::NAME);
                Failure::business("filter_not_supported", message)
            })
        };
        let (mut conditions, mut params) = (Vec::new(), Vec::new());
        for (filter, word, value) in [
            (Filter::Account, "account", &query.account),
            (Filter::Project, "project", &query.project),
            (Filter::Person, "person", &query.person),
        ] {
            if let Some(value) = value {
                conditions.push(format!("{} = ?", column(filter, word)?));
                params.push(value.clone());
            }
        }
        if let Some(word) = &query.state {
            let column = column(Filter::State, "state")?;
            let values = self.0.states(word)?;
            conditions.push(format!("{column} IN ({})", places(values.len())));
            params.extend(values);
        }
        for (day, operator) in [(query.date_from, ">="), (query.date_to, "<=")] {
            if let Some(day) = day {
                let column = column(Filter::Date, "date")?;
                conditions.push(format!("{column} {operator} TO_DATE(?, 'YYYY-MM-DD')"));
                params.push(day.to_string());
            }
        }
        Ok((conditions, params))
    }

    /// The table and its column of the last modification, as this account calls them.
    fn names(&self) -> (String, String) {
        let own = self
            .0
            .shared()
            .settings
            .tables
            .get(N::Record::PATH)
            .cloned()
            .unwrap_or_default();
        (
            own.name.unwrap_or_else(|| self.0.table().name.to_owned()),
            own.changed.unwrap_or_else(|| "lastmodifieddate".to_owned()),
        )
    }

    /// A query of id, stamp and the noun's columns, without its order.
    fn select(&self, conditions: &[String]) -> String {
        let table = self.0.table();
        let (name, changed) = self.names();
        let mut columns = vec![
            "id".to_owned(),
            format!("TO_CHAR({changed}, '{STAMP}') AS changed"),
        ];
        columns.extend(table.columns.iter().flatten().cloned());
        if table.columns.is_some() {
            columns.extend(self.extensions().map(|(_, field)| field.clone()));
        }
        let all: Vec<&str> = table
            .condition
            .iter()
            .chain(conditions)
            .map(String::as_str)
            .collect();
        let filter = if all.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", all.join(" AND "))
        };
        format!("SELECT {} FROM {name}{filter}", columns.join(", "))
    }

    fn extensions(&self) -> impl Iterator<Item = (&String, &String)> {
        self.0
            .shared()
            .settings
            .extensions
            .get(N::Record::PATH)
            .into_iter()
            .flatten()
    }

    fn limit(&self, asked: Option<u32>) -> u32 {
        asked
            .unwrap_or(self.0.shared().settings.limits.page_size)
            .clamp(1, 1000)
    }

    /// Rows with their records, in their order. A record that is gone by now is left out.
    async fn records(&self, rows: Vec<Record>) -> Result<Vec<(String, Mapped<N::Record>)>> {
        if self.0.table().columns.is_some() {
            return self.mapped(rows).await;
        }
        let ids = rows.iter().map(Record::id).collect::<Result<Vec<_>>>()?;
        let client = &self.0.shared().client;
        let calls: Vec<_> = ids.iter().map(|id| client.get(N::OBJECT, id)).collect();
        let read = self.0.shared().in_turn(calls).await;
        let (mut records, mut failures) = (Vec::new(), BTreeMap::new());
        for ((id, row), read) in ids.iter().zip(&rows).zip(read) {
            match read {
                Ok(Some(record)) => records.push(record.with_stamp_of(row)),
                Ok(None) => {}
                // One record that a workflow holds must not hold up all others.
                Err(failure) if failure.is_transient() && failure.code != "record_locked" => {
                    return Err(failure);
                }
                Err(failure) => {
                    failures.insert(id.clone(), failure);
                }
            }
        }
        let mut mapped: BTreeMap<String, Mapped<N::Record>> =
            self.mapped(records).await?.into_iter().collect();
        mapped.extend(failures.into_iter().map(|(id, failure)| (id, Err(failure))));
        Ok(ids
            .into_iter()
            .filter_map(|id| mapped.remove(&id).map(|m| (id, m)))
            .collect())
    }

    async fn mapped(&self, records: Vec<Record>) -> Result<Vec<(String, Mapped<N::Record>)>> {
        let shared = self.0.shared();
        let extra = self.0.extra(&records).await?;
        let map = |lookups: &Lookups| {
            let of = |record: &Record| {
                let id = record.id()?;
                let mapped = self.of_record(record, lookups, &extra).map_err(|f| shared.met(f));
                Ok((id, mapped))
            };
            records.iter().map(of).collect::<Result<Vec<_>>>()
        };
        let lookups = shared.directory.current(&shared.client).await?;
        let first = map(&lookups)?;
        match shared.directory.renewed(&shared.client, &lookups).await? {
            Some(newer) => map(&newer),
            None => Ok(first),
        }
    }

    fn of_record(&self, record: &Record, lookups: &Lookups, extra: &N::Extra) -> Mapped<N::Record> {
        let id = record.id()?;
        let changed_at = self.changed_at(record)?;
        let extensions: BTreeMap<String, serde_json::Value> = self
            .extensions()
            .filter_map(|(name, field)| Some((name.clone(), record.raw(field)?.clone())))
            .collect();
        let of_line = |(line, data): (Option<u32>, N::Record)| Sourced {
            connection: self.0.shared().connection.clone(),
            object: N::OBJECT.to_owned(),
            id: line.map_or_else(|| id.clone(), |line| format!("{id}-{line}")),
            version: Some(version(changed_at)),
            changed_at,
            effect_key: record.text("externalId"),
            links: BTreeMap::new(),
            data,
            extensions: extensions.clone(),
        };
        Ok(self
            .0
            .map(record, lookups, extra)?
            .into_iter()
            .map(of_line)
            .collect())
    }

    /// A record that does not say when it was changed is asked for its stamp.
    async fn stamped(&self, record: Record) -> Result<Record> {
        if record.raw("lastModifiedDate").is_some() || record.raw("changed").is_some() {
            return Ok(record);
        }
        let sql = self.select(&["id = ?".to_owned()]);
        let rows = self.0.shared().client.query(&sql, &[record.id()?], 1).await?;
        Ok(match rows.rows.first() {
            Some(row) => record.with_stamp_of(row),
            None => record,
        })
    }

    fn changed_at(&self, record: &Record) -> Result<DateTime<Utc>> {
        match record.text("changed") {
            Some(stamp) if record.raw("lastModifiedDate").is_none() => {
                self.instant(&stamp).ok_or_else(|| record.bad("changed"))
            }
            _ => record.instant("lastModifiedDate"),
        }
    }

    /// The instant of a stamp, which is in the time zone of the integration user.
    fn instant(&self, stamp: &str) -> Option<DateTime<Utc>> {
        let local = NaiveDateTime::parse_from_str(stamp, "%Y-%m-%d %H:%M:%S").ok()?;
        Some((local - self.offset()).and_utc())
    }

    fn offset(&self) -> Duration {
        Duration::minutes(i64::from(self.0.shared().settings.utc_offset_minutes))
    }
}

/// NetSuite has no version counter: the second of the last change stands for it.
pub(crate) fn version(changed_at: DateTime<Utc>) -> String {
    changed_at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Places of parameters: `?, ?, ?`.
pub(crate) fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
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
