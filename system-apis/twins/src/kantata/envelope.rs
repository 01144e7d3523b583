//! The envelope of every answer: `count`, `results`, one map for each kind of record, `meta`.

use serde_json::{Map, Value, json};

use super::call::{Request, View};
use super::include;
use super::present::{self, Asked};
use super::schema::Collection;
use crate::store::Record;

const DEFAULT_PAGE: usize = 20;
const LARGEST_PAGE: usize = 200;

/// Which part of the matching records is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    skip: usize,
    take: usize,
    size: usize,
    number: usize,
}

impl Page {
    /// Everything, as `only` and single records are given; `meta` still counts pages.
    pub(super) fn whole(request: &Request) -> Self {
        Self {
            skip: 0,
            take: usize::MAX,
            ..Self::of(request)
        }
    }

    /// As the parameters say. Sizes outside 1 to 200 are put right without a word; `limit` and `offset` count only together.
    pub(super) fn of(request: &Request) -> Self {
        let number = |name: &str| request.number(name).and_then(|n| usize::try_from(n).ok());
        let size = number("per_page")
            .filter(|n| *n > 0)
            .unwrap_or(DEFAULT_PAGE)
            .min(LARGEST_PAGE);
        let page = number("page").filter(|n| *n > 0).unwrap_or(1);
        if let (Some(_), Some(_)) = (request.number("limit"), request.number("offset")) {
            return Self {
                skip: number("offset").unwrap_or(0),
                take: number("limit").unwrap_or(1).clamp(1, LARGEST_PAGE),
                size,
                number: page,
            };
        }
        Self {
            skip: (page - 1).saturating_mul(size),
            take: size,
            size,
            number: page,
        }
    }

    /// The part of a list.
    pub(super) fn cut<T>(self, list: &[T]) -> impl Iterator<Item = &T> {
        list.iter().skip(self.skip).take(self.take)
    }

    /// The page as it comes out when a record has come in before it since the page before was read.
    pub(super) fn shifted(mut self) -> Self {
        self.skip = self.skip.saturating_sub(1);
        self
    }
}

/// What a request asks for beyond the plain records; unknown names are ignored.
pub(super) fn asked(collection: &Collection, request: &Request) -> Asked {
    let mut includes = request.names("include");
    includes.retain(|name| collection.includes.contains_key(name));
    Asked {
        includes,
        optional: request.names("optional_fields"),
    }
}

/// The answer that shows these records, which are all that match, in order.
pub(super) fn build(
    view: View<'_>,
    collection: &Collection,
    all: &[&Record],
    page: Page,
    asked: &Asked,
) -> Value {
    let shown: Vec<&Record> = page.cut(all).copied().collect();
    let mut maps: Map<String, Value> = Map::new();
    maps.insert(collection.name.clone(), Value::Object(Map::new()));
    for record in &shown {
        put(
            &mut maps,
            &collection.name,
            &record.id,
            present::record(view, collection, record, asked),
        );
    }
    for name in &asked.includes {
        for record in &shown {
            side_load(view, collection, record, name, &mut maps);
        }
    }
    let results = shown.iter().map(|r| json!({"key": collection.name, "id": r.id}));
    finish(all.len(), results.collect(), page, maps)
}

/// Count, results and meta around the maps.
pub(super) fn finish(count: usize, results: Vec<Value>, page: Page, maps: Map<String, Value>) -> Value {
    let mut answer = Map::new();
    answer.insert("count".to_owned(), Value::from(count));
    answer.insert("results".to_owned(), Value::Array(results));
    answer.extend(maps);
    let number = if count == 0 { 0 } else { page.number };
    let meta = json!({
        "count": count, "page_count": count.div_ceil(page.size), "page_number": number, "page_size": page.size});
    answer.insert("meta".to_owned(), meta);
    Value::Object(answer)
}

/// Puts the records of an association into the map of their kind.
fn side_load(
    view: View<'_>,
    collection: &Collection,
    record: &Record,
    name: &str,
    maps: &mut Map<String, Value>,
) {
    let Some(found) = include::find(view, collection, record, name) else {
        return;
    };
    let Some(target) = view.account.schema.get(found.collection) else {
        return;
    };
    maps.entry(found.collection)
        .or_insert_with(|| Value::Object(Map::new()));
    for id in found.ids {
        let known = maps.get(found.collection).and_then(|m| m.get(&id)).is_some();
        if let Some(other) = view.get(found.collection, &id).filter(|_| !known) {
            let shown = present::record(view, target, other, &Asked::default());
            put(maps, found.collection, &id, shown);
        }
    }
}

/// Adds a record to the map of its kind.
pub(super) fn put(maps: &mut Map<String, Value>, collection: &str, id: &str, record: Value) {
    let map = maps
        .entry(collection)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(map) = map {
        map.insert(id.to_owned(), record);
    }
}
