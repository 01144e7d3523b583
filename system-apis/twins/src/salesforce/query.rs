//! `/query` and `/queryAll`: SOQL in, pages of rows out.
//!
//! A query is evaluated once, when it is asked; its further pages are kept under a cursor. Cursors are held in
//! memory: after a restart of the twin they are gone, as they are after two days or behind ten newer ones.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use serde_json::{Value, json};

use super::call::{Call, Request, Response};
use super::errors::ApiError;
use super::ids;
use super::soql::{self, Children, Row};

type Answer = Result<Response, ApiError>;

/// Open cursors of one user, and cursors inside rows of all users together.
const PER_USER: usize = 10;
const NESTED: usize = 5_000;

struct Cursor {
    id: String,
    user_id: String,
    nested: bool,
    opened: DateTime<Utc>,
    page_size: usize,
    rows: Arc<Vec<Row>>,
}

/// The open cursors, oldest first.
#[derive(Default)]
pub(super) struct Cursors {
    open: Mutex<VecDeque<Cursor>>,
}

impl Cursors {
    fn add(&self, cursor: Cursor) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let like = |c: &Cursor| c.nested == cursor.nested && (c.nested || c.user_id == cursor.user_id);
        let allowed = if cursor.nested { NESTED } else { PER_USER };
        if open.iter().filter(|c| like(c)).count() >= allowed
            && let Some(oldest) = open.iter().position(like)
        {
            open.remove(oldest);
        }
        open.push_back(cursor);
    }

    /// Forgets all of them: the org was reset.
    pub(super) fn clear(&self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn find(&self, id: &str, user_id: &str, now: DateTime<Utc>) -> Option<(Arc<Vec<Row>>, usize)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|c| now - c.opened < Duration::days(2));
        let cursor = open.iter().find(|c| c.id == id && c.user_id == user_id)?;
        Some((Arc::clone(&cursor.rows), cursor.page_size))
    }
}

pub(super) fn query(call: &Call<'_, '_>, request: &Request, deleted: bool) -> Answer {
    let text = request
        .param("q")
        .ok_or_else(|| ApiError::new(400, "MALFORMED_QUERY", "A query string has to be specified"))?;
    if text.len() > 100_000 {
        return Err(ApiError::new(
            400,
            "QUERY_TOO_COMPLICATED",
            "SOQL statements cannot be longer than 100000 characters",
        ));
    }
    let today = call.tx.now().date_naive();
    let parsed = soql::parse(text).map_err(|refusal| refusal.answer(text))?;
    let mut plan =
        soql::plan::plan(&call.org.schema, &parsed, today).map_err(|refusal| refusal.answer(text))?;
    if call.who.page_shift {
        // A record came in on an earlier page since the last one was read, so every later row moved down by one.
        plan.offset = plan.offset.saturating_sub(1);
    }
    let over = soql::Over {
        schema: &call.org.schema,
        tables: call.tables(),
        version: &call.who.version,
        deleted: deleted || plan.all_rows,
    };
    let found = soql::run(&plan, over);
    let size = page_size(call, request);
    if found.rows.len() <= size {
        let records: Vec<Value> = found.rows.iter().map(|row| shown(call, row, size)).collect();
        return Ok(Response::json(
            200,
            json!({"totalSize": found.total, "done": true, "records": records}),
        ));
    }
    let id = open(call, found.rows, size, false);
    more(call, &format!("{id}-0"))
}

fn page_size(call: &Call<'_, '_>, request: &Request) -> usize {
    let most = call.org.settings.page_size.min(2000);
    let asked = request.header("sforce-query-options").and_then(|options| {
        let mut parts = options.split(',').filter_map(|o| o.split_once('='));
        let (_, size) = parts.find(|(name, _)| name.trim().eq_ignore_ascii_case("batchSize"))?;
        size.trim().parse::<usize>().ok()
    });
    asked.map_or(most, |size| size.clamp(200, 2000).min(most)).max(1)
}

fn open(call: &Call<'_, '_>, rows: Vec<Row>, page_size: usize, nested: bool) -> String {
    let id = ids::nth("0r8", rand::random());
    call.org.cursors.add(Cursor {
        id: id.clone(),
        user_id: call.who.user_id.clone(),
        nested,
        opened: call.tx.now(),
        page_size,
        rows: Arc::new(rows),
    });
    id
}

/// A further page: `<cursor>-<offset>`.
pub(super) fn more(call: &Call<'_, '_>, locator: &str) -> Answer {
    let gone = || ApiError::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator");
    let (id, offset) = locator.split_once('-').ok_or_else(gone)?;
    let offset: usize = offset.parse().map_err(|_| gone())?;
    let found = call.org.cursors.find(id, &call.who.user_id, call.tx.now());
    let (rows, size) = found.ok_or_else(gone)?;
    let rest = rows.get(offset..).ok_or_else(gone)?;
    let records: Vec<Value> = rest.iter().take(size).map(|row| shown(call, row, size)).collect();
    let done = rest.len() <= size;
    let mut answer = json!({"totalSize": rows.len(), "done": done, "records": records});
    if !done {
        insert(&mut answer, "nextRecordsUrl", next_url(call, id, offset + size));
    }
    Ok(Response::json(200, answer))
}

fn next_url(call: &Call<'_, '_>, id: &str, offset: usize) -> Value {
    Value::from(call.path(&format!("query/{id}-{offset}")))
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn shown(call: &Call<'_, '_>, row: &Row, size: usize) -> Value {
    let mut json = row.json.clone();
    for children in &row.children {
        json.insert(children.name.clone(), shown_children(call, children, size));
    }
    Value::Object(json)
}

fn shown_children(call: &Call<'_, '_>, children: &Children, size: usize) -> Value {
    let total = children.rows.len();
    if total == 0 {
        return Value::Null;
    }
    let records: Vec<Value> = children
        .rows
        .iter()
        .take(size)
        .map(|row| shown(call, row, size))
        .collect();
    let mut answer = json!({"totalSize": total, "done": total <= size, "records": records});
    if total > size {
        let id = open(call, children.rows.clone(), size, true);
        insert(&mut answer, "nextRecordsUrl", next_url(call, &id, size));
    }
    answer
}
