//! One collection of one connection, as if it were here.

use std::marker::PhantomData;

use canonical_model::{
    Changes, EffectKey, Failure, FindBy, Link, ListQuery, Page, Resource, Result, Sourced, SystemKind, Write,
    WriteResult, Written,
};
use circuits::{Circuits, News};
use egress::{HttpClient, Request, segment};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::query::with_query;

/// A system API takes so many writes at once.
const BATCH: usize = 1000;
/// A page when everything is wanted.
const LARGEST_PAGE: u32 = 1000;
/// Listings of everything end here: nobody holds ten million records in memory on purpose.
const MOST_PAGES: usize = 10_000;

/// The records of one kind in one connection.
pub struct Remote<T> {
    http: HttpClient,
    circuits: Option<Circuits>,
    kind: SystemKind,
    connection: String,
    path: String,
    record: PhantomData<fn() -> T>,
}

impl<T> Clone for Remote<T> {
    fn clone(&self) -> Self {
        Self {
            http: self.http.clone(),
            circuits: self.circuits.clone(),
            kind: self.kind,
            connection: self.connection.clone(),
            path: self.path.clone(),
            record: PhantomData,
        }
    }
}

#[derive(Serialize)]
struct Writes<'a, T> {
    writes: &'a [Write<T>],
}

#[derive(Serialize)]
struct Links<'a> {
    links: &'a [Link],
}

#[derive(Deserialize)]
struct Results {
    results: Vec<WriteResult>,
}

impl<T: Resource> Remote<T> {
    pub(crate) fn new(
        http: HttpClient,
        circuits: Option<Circuits>,
        kind: SystemKind,
        connection: &str,
    ) -> Self {
        Self {
            http,
            circuits,
            kind,
            connection: format!("{}/{connection}", kind.word()),
            path: format!("/v1/connections/{}/{}", segment(connection), T::PATH),
            record: PhantomData,
        }
    }

    /// Kind and name of the connection, such as `erp/main`.
    #[must_use]
    pub fn connection(&self) -> &str {
        &self.connection
    }

    /// Which kind of system it is of.
    #[must_use]
    pub fn kind(&self) -> SystemKind {
        self.kind
    }

    /// Connection and record's name, such as `erp/main account`: how the target of an effect is called.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{} {}", self.connection, T::NAME)
    }

    /// One page of the records that the query names.
    ///
    /// # Errors
    /// Business where the connection cannot list, or does not apply a filter.
    pub async fn list(&self, query: &ListQuery) -> Result<Page<Sourced<T>>> {
        let request = Request::get(&self.path).template("/v1/connections/{connection}/{collection}");
        self.call(with_query(request, query), |_| News::Alive).await
    }

    /// All records that the query names, page by page.
    ///
    /// # Errors
    /// As [`list`](Self::list); Fault `endless_listing` when the pages do not end.
    pub async fn list_all(&self, query: &ListQuery) -> Result<Vec<Sourced<T>>> {
        let mut query = query.clone();
        query.limit.get_or_insert(LARGEST_PAGE);
        let mut all = Vec::new();
        for _ in 0..MOST_PAGES {
            let page = self.list(&query).await?;
            all.extend(page.items);
            if page.next_cursor.is_none() {
                return Ok(all);
            }
            if page.next_cursor == query.cursor {
                break;
            }
            query.cursor = page.next_cursor;
        }
        let message = format!("the listing of {} in {} does not end", T::PATH, self.connection);
        Err(Failure::fault("endless_listing", message).at(self.connection.clone()))
    }

    /// One record.
    ///
    /// # Errors
    /// Business `not_found` where there is none.
    pub async fn read(&self, id: &str) -> Result<Sourced<T>> {
        let request = Request::get(format!("{}/{}", self.path, segment(id)))
            .template("/v1/connections/{connection}/{collection}/{id}");
        self.call(request, |_| News::Alive).await
    }

    /// The records that carry a value; none is an empty list.
    ///
    /// # Errors
    /// Business where the connection cannot look up by this.
    pub async fn find(&self, by: FindBy, value: &str) -> Result<Vec<Sourced<T>>> {
        let request = Request::get(format!("{}/matches", self.path))
            .query("by", by.word())
            .query("value", value)
            .template("/v1/connections/{connection}/{collection}/matches");
        self.call(request, |_| News::Alive).await
    }

    /// The record that a write under this key made, if there is one: settles an unknown outcome.
    ///
    /// # Errors
    /// As [`find`](Self::find); Fault `effect_key_not_unique` where several records carry the key.
    pub async fn find_by_key(&self, key: &EffectKey) -> Result<Option<Written>> {
        let mut found = self.find(FindBy::EffectKey, key.as_str()).await?;
        if found.len() > 1 {
            let ids: Vec<_> = found.iter().map(|record| record.id.as_str()).collect();
            let message = format!(
                "several records of {} carry key {key}: {}",
                self.connection,
                ids.join(", ")
            );
            return Err(Failure::fault("effect_key_not_unique", message).at(self.connection.clone()));
        }
        Ok(found.pop().map(|record| Written {
            id: record.id,
            code: None,
            version: record.version,
            created: None,
        }))
    }

    /// What changed since a cursor; `None` starts with everything there is.
    ///
    /// # Errors
    /// Business where the connection cannot follow changes.
    pub async fn changes(&self, cursor: Option<&str>, limit: u32) -> Result<Changes<T>> {
        let request = Request::get(format!("{}/changes", self.path))
            .query_opt("cursor", cursor)
            .query("limit", limit)
            .template("/v1/connections/{connection}/{collection}/changes");
        self.call(request, |_| News::Alive).await
    }

    /// Writes one record.
    ///
    /// # Errors
    /// The failure of the write, with its outcome.
    pub async fn write(&self, write: &Write<T>) -> Result<Written> {
        let results = self.send_writes(std::slice::from_ref(write)).await?;
        single(results)
    }

    /// Writes records, one result each, in their order.
    ///
    /// # Errors
    /// When the first batch of up to a thousand was not answered as a whole: nothing is known of any. A later batch that
    /// is not answered is told in its writes' results.
    pub async fn write_all(&self, writes: &[Write<T>]) -> Result<Vec<WriteResult>> {
        let mut results = Vec::with_capacity(writes.len());
        for batch in writes.chunks(BATCH) {
            match self.send_writes(batch).await {
                Ok(answered) => results.extend(answered),
                Err(failure) if results.is_empty() => return Err(failure),
                Err(failure) => results.extend(failed(batch.iter().map(|write| &write.key), &failure)),
            }
        }
        Ok(results)
    }

    /// Notes on one record how another system stands with it.
    ///
    /// # Errors
    /// The failure of the write, with its outcome.
    pub async fn link(&self, link: &Link) -> Result<Written> {
        let results = self.send_links(std::slice::from_ref(link)).await?;
        single(results)
    }

    /// Notes links on records, one result each, in their order.
    ///
    /// # Errors
    /// As [`write_all`](Self::write_all).
    pub async fn link_all(&self, links: &[Link]) -> Result<Vec<WriteResult>> {
        let mut results = Vec::with_capacity(links.len());
        for batch in links.chunks(BATCH) {
            match self.send_links(batch).await {
                Ok(answered) => results.extend(answered),
                Err(failure) if results.is_empty() => return Err(failure),
                Err(failure) => results.extend(failed(batch.iter().map(|link| &link.key), &failure)),
            }
        }
        Ok(results)
    }

    async fn call<A: DeserializeOwned>(&self, request: Request, news: impl FnOnce(&A) -> News) -> Result<A> {
        let call = self.http.call(request);
        match &self.circuits {
            Some(circuits) => circuits.call(&self.connection, call, news).await,
            None => call.await,
        }
    }

    async fn send_writes(&self, writes: &[Write<T>]) -> Result<Vec<WriteResult>> {
        let request = Request::post_json(format!("{}/writes", self.path), &Writes { writes })
            .template("/v1/connections/{connection}/{collection}/writes");
        self.send_batch(request, writes.iter().map(|write| &write.key))
            .await
    }

    async fn send_links(&self, links: &[Link]) -> Result<Vec<WriteResult>> {
        let request = Request::post_json(format!("{}/links", self.path), &Links { links })
            .template("/v1/connections/{connection}/{collection}/links");
        self.send_batch(request, links.iter().map(|link| &link.key)).await
    }

    async fn send_batch<'k>(
        &self,
        request: Request,
        keys: impl Iterator<Item = &'k EffectKey>,
    ) -> Result<Vec<WriteResult>> {
        // The effect keys keep the writes single; this names the call.
        let request = request.header("idempotency-key", Uuid::now_v7().to_string());
        let Results { results } = self
            .call(request, |answer: &Results| News::of_batch(&answer.results))
            .await?;
        if results.iter().map(|result| &result.key).eq(keys) {
            return Ok(results);
        }
        let message = format!("{} did not answer every write, in order", self.connection);
        Err(Failure::fault("answers_missing", message)
            .at(self.connection.clone())
            .outcome_unknown())
    }
}

fn single(results: Vec<WriteResult>) -> Result<Written> {
    match results.into_iter().next() {
        Some(result) => result.into_result(),
        None => Err(Failure::fault("answers_missing", "a write was not answered").outcome_unknown()),
    }
}

fn failed<'k>(
    keys: impl Iterator<Item = &'k EffectKey>,
    failure: &Failure,
) -> impl Iterator<Item = WriteResult> {
    keys.map(|key| WriteResult::new(key.clone(), Err(failure.clone())))
}
