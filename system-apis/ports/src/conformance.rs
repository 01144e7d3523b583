//! The suite that every connector passes against its vendor's twin (or the real vendor's sandbox).
//!
//! The suite is generic over the record: a connector's test gives a collection and a record that can be created, and
//! gets the promises of [`Collection`](crate::Collection) checked, each for what the collection declares and nothing else.

use canonical_model::{EffectKey, FindBy, Link, LinkState, ListQuery, Resource, Write};

use crate::{Collection, Verb};

/// What the suite needs to know about one collection.
pub struct Subject<'a, T: Resource> {
    /// The collection.
    pub collection: &'a dyn Collection<T>,
    /// Makes the n-th record that the vendor will take; different numbers make different records.
    pub record: Box<dyn Fn(usize) -> T + 'a>,
    /// Makes a record that the vendor refuses by rule; `None` where there is no such record.
    pub refused: Option<T>,
    /// Distinguishes the keys of this run from those of other runs.
    pub run: String,
}

impl<T: Resource> Subject<'_, T> {
    fn key(&self, what: &str, n: usize) -> Result<EffectKey, String> {
        format!("conf-{}-{}-{what}-{n}", T::NAME, self.run)
            .parse()
            .map_err(|f| format!("{f}"))
    }

    fn write(&self, what: &str, n: usize) -> Result<Write<T>, String> {
        Ok(Write {
            key: self.key(what, n)?,
            id: None,
            expected_version: None,
            record: (self.record)(n),
        })
    }
}

/// Runs every check that the collection's declared support calls for.
///
/// # Errors
/// The first promise that was not kept, in words.
pub async fn check<T: Resource>(subject: &Subject<'_, T>) -> Result<(), String> {
    undeclared_verbs_are_refused(subject).await?;
    undeclared_filters_are_refused(subject).await?;
    if subject.collection.support().has(Verb::Write) {
        the_same_key_makes_one_record(subject).await?;
        a_batch_is_answered_one_by_one(subject).await?;
    }
    if subject.collection.support().has(Verb::List) {
        pages_hold_every_record_once(subject).await?;
    }
    if subject.collection.support().has(Verb::Read) {
        a_missing_record_is_not_found(subject).await?;
    }
    Ok(())
}

async fn undeclared_verbs_are_refused<T: Resource>(subject: &Subject<'_, T>) -> Result<(), String> {
    let support = subject.collection.support();
    let mut refusals = Vec::new();
    if !support.has(Verb::List) {
        refusals.push((
            Verb::List,
            subject.collection.list(&ListQuery::default()).await.err(),
        ));
    }
    if !support.has(Verb::Read) {
        refusals.push((Verb::Read, subject.collection.read("1").await.err()));
    }
    if !support.has(Verb::Find) {
        refusals.push((
            Verb::Find,
            subject.collection.find(FindBy::EffectKey, "x").await.err(),
        ));
    }
    if !support.has(Verb::Changes) {
        refusals.push((Verb::Changes, subject.collection.changes(None, 1).await.err()));
    }
    if !support.has(Verb::Write) {
        let results = subject.collection.write(&[subject.write("refused", 0)?]).await;
        refusals.push((Verb::Write, results.into_iter().next().and_then(|r| r.failure)));
    }
    if !support.has(Verb::Link) {
        let link = Link {
            key: subject.key("refused", 0)?,
            id: "1".to_owned(),
            system: "erp".to_owned(),
            other_id: None,
            state: LinkState::Pending,
            message: None,
        };
        let results = subject.collection.link(&[link]).await;
        refusals.push((Verb::Link, results.into_iter().next().and_then(|r| r.failure)));
    }
    for (verb, refusal) in refusals {
        if refusal.as_ref().map(|f| f.code.as_str()) != Some("capability_absent") {
            return Err(format!(
                "{}: {verb} is not declared and was not refused: {refusal:?}",
                T::PATH
            ));
        }
    }
    Ok(())
}

async fn undeclared_filters_are_refused<T: Resource>(subject: &Subject<'_, T>) -> Result<(), String> {
    let support = subject.collection.support();
    if !support.has(Verb::List) || support.filters.contains(&crate::Filter::Person) {
        return Ok(());
    }
    let query = ListQuery {
        person: Some("1".to_owned()),
        ..ListQuery::default()
    };
    match subject.collection.list(&query).await {
        Err(failure) if failure.code == "filter_not_supported" => Ok(()),
        other => Err(format!(
            "{}: a filter that is not declared was not refused: {other:?}",
            T::PATH
        )),
    }
}

async fn the_same_key_makes_one_record<T: Resource>(subject: &Subject<'_, T>) -> Result<(), String> {
    let write = subject.write("once", 1)?;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let results = subject.collection.write(std::slice::from_ref(&write)).await;
        let result = results.into_iter().next().ok_or("a write was not answered")?;
        ids.push(
            result
                .into_result()
                .map_err(|f| format!("{}: write failed: {f:?}", T::PATH))?
                .id,
        );
    }
    if ids.first() != ids.last() {
        return Err(format!("{}: the same key made two records: {ids:?}", T::PATH));
    }
    if subject.collection.support().find_by.contains(&FindBy::EffectKey) {
        let found = subject
            .collection
            .find(FindBy::EffectKey, write.key.as_str())
            .await
            .map_err(|f| format!("{f:?}"))?;
        let found: Vec<_> = found.into_iter().map(|s| s.id).collect();
        if found.len() != 1 || found.first() != ids.first() {
            return Err(format!(
                "{}: key {} finds {found:?}, not {ids:?}",
                T::PATH,
                write.key
            ));
        }
    }
    Ok(())
}

async fn a_batch_is_answered_one_by_one<T: Resource>(subject: &Subject<'_, T>) -> Result<(), String> {
    let mut batch = vec![subject.write("batch", 2)?, subject.write("batch", 3)?];
    if let Some(refused) = &subject.refused {
        let key = subject.key("batch-refused", 4)?;
        batch.insert(
            1,
            Write {
                key,
                id: None,
                expected_version: None,
                record: refused.clone(),
            },
        );
    }
    let results = subject.collection.write(&batch).await;
    if results.len() != batch.len() || results.iter().zip(&batch).any(|(r, w)| r.key != w.key) {
        return Err(format!(
            "{}: results do not stand in the order of the writes: {results:?}",
            T::PATH
        ));
    }
    for (n, result) in results.iter().enumerate() {
        let refused = subject.refused.is_some() && n == 1;
        let business = result
            .failure
            .as_ref()
            .is_some_and(|f| f.class == canonical_model::FailureClass::Business && !f.is_unknown());
        if refused != result.failure.is_some() || (refused && !business) {
            return Err(format!("{}: write {n} of the batch ended as {result:?}", T::PATH));
        }
    }
    Ok(())
}

async fn pages_hold_every_record_once<T: Resource>(subject: &Subject<'_, T>) -> Result<(), String> {
    let mut ids = Vec::new();
    let mut cursor = None;
    for _ in 0..10_000 {
        let query = ListQuery {
            cursor,
            limit: Some(2),
            ..ListQuery::default()
        };
        let page = subject
            .collection
            .list(&query)
            .await
            .map_err(|f| format!("{}: list failed: {f:?}", T::PATH))?;
        if page.items.len() > 2 {
            return Err(format!(
                "{}: a page of at most 2 holds {}",
                T::PATH,
                page.items.len()
            ));
        }
        ids.extend(page.items.into_iter().map(|s| s.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    if cursor.is_some() || ids.len() != count {
        return Err(format!(
            "{}: paging ended={} and gave {count} ids of which {} differ",
            T::PATH,
            cursor.is_none(),
            ids.len()
        ));
    }
    Ok(())
}

async fn a_missing_record_is_not_found<T: Resource>(subject: &Subject<'_, T>) -> Result<(), String> {
    match subject.collection.read("999999999").await {
        Err(failure) if failure.code == "not_found" => Ok(()),
        other => Err(format!("{}: a missing record reads as {other:?}", T::PATH)),
    }
}
