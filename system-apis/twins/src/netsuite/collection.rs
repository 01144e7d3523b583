//! Collections: paging, filtering with `q`, and whole records for a list of ids.

use serde_json::{Value, json};

use super::NetSuite;
use super::call::{Call, Reply};
use super::errors::{Answer, Refusal};
use super::filter::Filter;
use super::output::{Show, Writer};
use super::references::in_order;
use super::schema::RecordType;
use crate::store::{Record, Tables};

/// Largest and default page.
const PAGE: usize = 1000;

/// Where a page begins and how long it is.
#[derive(Clone, Copy)]
pub(super) struct Page {
    pub(super) limit: usize,
    pub(super) offset: usize,
}

impl Page {
    /// Reads `limit` and `offset`.
    pub(super) fn of(call: &Call) -> Answer<Self> {
        let number = |name: &str, default: usize| match call.parameter(name) {
            None => Ok(default),
            Some(text) => text.parse::<usize>().map_err(|_| {
                Refusal::invalid_parameter(
                    name,
                    format!("Invalid value '{text}' of the query parameter '{name}'."),
                )
            }),
        };
        let (limit, offset) = (number("limit", PAGE)?, number("offset", 0)?);
        if limit == 0 || limit > PAGE {
            return Err(Refusal::invalid_parameter(
                "limit",
                format!("The limit must be a number from 1 to {PAGE}."),
            ));
        }
        if offset % limit != 0 {
            return Err(Refusal::invalid_parameter(
                "offset",
                "The offset must be divisible by the limit.",
            ));
        }
        Ok(Self { limit, offset })
    }

    /// The envelope of one page.
    pub(super) fn envelope(self, call: &Call, items: Vec<Value>, total: usize) -> Value {
        let has_more = self.offset + items.len() < total;
        json!({
            "links": self.links(call, total, has_more), "count": items.len(), "hasMore": has_more, "items": items,
            "offset": self.offset, "totalResults": total,
        })
    }

    fn links(self, call: &Call, total: usize, has_more: bool) -> Vec<Value> {
        let mut links = Vec::new();
        let mut link = |rel: &str, offset: Option<usize>| {
            links.push(json!({ "rel": rel, "href": self.href(call, offset) }));
        };
        if has_more {
            link("next", Some(self.offset + self.limit));
            link("last", Some((total - 1) / self.limit * self.limit));
        }
        if self.offset > 0 {
            link("first", Some(0));
            link("prev", Some(self.offset.saturating_sub(self.limit)));
        }
        let paged = self.offset > 0 || call.parameter("limit").is_some();
        link("self", paged.then_some(self.offset));
        links
    }

    fn href(self, call: &Call, offset: Option<usize>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(call.query.iter().filter(|(k, _)| k != "limit" && k != "offset"));
        if let Some(offset) = offset {
            query
                .append_pair("limit", &self.limit.to_string())
                .append_pair("offset", &offset.to_string());
        }
        let query = query.finish();
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{}{}{separator}{query}", call.base, call.path)
    }
}

/// `GET /{type}`.
pub(super) fn list(twin: &NetSuite, tables: &Tables, call: &Call, record: &RecordType) -> Answer<Reply> {
    let page = Page::of(call)?;
    let view = twin.view(tables);
    let ids = call.list("ids");
    let mut rows: Vec<&Record> = if ids.is_empty() {
        in_order(tables, &record.name)
    } else {
        let found = ids
            .iter()
            .map(|key| view.by_key(&record.name, key).ok_or_else(Refusal::no_record));
        found.collect::<Answer<_>>()?
    };
    if let Some(q) = call.parameter("q").filter(|q| !q.trim().is_empty()) {
        let filter = Filter::parse(q, record, &twin.settings)?;
        rows.retain(|row| filter.matches(row));
    }
    let total = rows.len();
    let writer = Writer {
        view,
        call,
        show: Show::of(call),
    };
    let expand = call.is_set("expandRecords");
    let items = rows.into_iter().skip(page.offset).take(page.limit).map(|row| {
        if expand {
            return writer.record(record, row);
        }
        json!({ "links": [{ "rel": "self", "href": call.record_href(&record.name, &row.id) }], "id": row.id })
    });
    let items: Vec<Value> = items.collect();
    Ok(Reply::body(200, "collection", page.envelope(call, items, total)))
}
