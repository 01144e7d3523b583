//! One API call as the handlers see it: who calls, with what, on which state.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use serde_json::{Map, Value};

use super::schema::{Access, Collection};
use super::{Kantata, events, params};
use crate::store::{Fields, Record, Tables, Transaction};

/// Path, parameters and body of a call below `/api/v1/`.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path segments without the `.json` suffix.
    pub(super) path: Vec<String>,
    pub(super) query: Map<String, Value>,
    pub(super) body: Map<String, Value>,
}

impl Request {
    /// A parameter as a text; empty counts as absent.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        let value = self.query.get(name).and_then(params::text);
        value.filter(|text| !text.is_empty())
    }

    /// A parameter's number; absent or not a number = `None`.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.param(name)?.trim().parse().ok()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|v| v == "true" || v == "1")
    }

    /// The names in a comma-separated or repeated parameter.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        let list = self.param(name).unwrap_or_default();
        params::parts(&list).into_iter().map(str::to_owned).collect()
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }
}

/// The answer to a call: status and JSON body, `None` for an empty one.
#[derive(Debug, Clone)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
}

impl Response {
    pub(super) fn ok(body: Value) -> Self {
        Self {
            status: 200,
            body: Some(body),
        }
    }

    pub(super) fn deleted() -> Self {
        Self {
            status: 204,
            body: None,
        }
    }
}

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Who {
    pub(super) user_id: String,
    /// Name of the account permission, such as `administrator`.
    pub(super) permission: String,
    /// Fault control says that a record came in between two pages.
    pub(super) page_shift: bool,
}

impl Who {
    pub(super) fn administrator(&self) -> bool {
        self.permission == "administrator"
    }

    fn sees_all_projects(&self) -> bool {
        self.administrator() || self.permission.starts_with("reports_viewer")
    }

    pub(super) fn cost(&self) -> bool {
        self.administrator() || self.permission == "reports_viewer_with_cost"
    }
}

/// The state as one caller sees it.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) account: &'a Kantata,
    pub(super) who: &'a Who,
    pub(super) tables: &'a Tables,
}

impl<'a> View<'a> {
    pub(super) fn get(&self, table: &str, id: &str) -> Option<&'a Record> {
        self.tables.get(table, id)
    }

    /// The record that a field points to.
    pub(super) fn follow(&self, record: &Record, field: &str, table: &str) -> Option<&'a Record> {
        self.get(table, record.text(field)?)
    }

    /// The records of a table whose field holds an id.
    pub(super) fn having(&self, table: &str, field: &str, id: &str) -> Vec<&'a Record> {
        let wanted = Value::from(id);
        let tables = self.tables;
        let mut found: Vec<&Record> = tables.find(table, field, &wanted).collect();
        found.sort_by_key(|r| number(&r.id));
        found
    }

    /// The participation of a person in a project.
    pub(super) fn participation(&self, workspace_id: &str, user_id: &str) -> Option<&'a Record> {
        let of_project = self.having("participations", "workspace_id", workspace_id);
        of_project
            .into_iter()
            .find(|p| p.text("user_id") == Some(user_id))
    }

    fn takes_part(&self, workspace_id: &str) -> bool {
        self.participation(workspace_id, &self.who.user_id).is_some()
    }

    /// Whether the caller sees money of a project.
    pub(super) fn financial(&self, workspace_id: Option<&str>) -> bool {
        self.who.sees_all_projects()
            || (self.who.permission == "project_lead" && workspace_id.is_some_and(|id| self.takes_part(id)))
    }

    /// Whether the caller has what a field or a collection asks for, on a record.
    pub(super) fn may(&self, access: Access, workspace_id: Option<&str>) -> bool {
        match access {
            Access::Everybody => true,
            Access::Financial => self.financial(workspace_id),
            Access::Cost => self.who.cost(),
        }
    }

    /// Whether the caller sees a record at all.
    pub(super) fn sees(&self, collection: &Collection, record: &Record) -> bool {
        if self.who.sees_all_projects() {
            return true;
        }
        workspace_of(collection, record).is_none_or(|id| self.takes_part(&id))
    }
}

/// The project that decides who sees a record.
pub(super) fn workspace_of(collection: &Collection, record: &Record) -> Option<String> {
    match (collection.name.as_str(), &collection.workspace) {
        ("workspaces", _) => Some(record.id.clone()),
        (_, Some(field)) => record.text(field).map(str::to_owned),
        (_, None) => None,
    }
}

/// A call under way: the account, who calls, and the transaction it runs in.
pub(super) struct Call<'a, 't> {
    pub(super) account: &'a Kantata,
    pub(super) who: &'a Who,
    pub(super) tx: &'a mut Transaction<'t>,
    /// Makes no events: the seed.
    pub(super) quiet: bool,
}

impl Call<'_, '_> {
    pub(super) fn view(&self) -> View<'_> {
        View {
            account: self.account,
            who: self.who,
            tables: self.tx.tables(),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.tx.now()
    }

    /// The account's date.
    pub(super) fn today(&self) -> NaiveDate {
        self.now().with_timezone(&self.account.offset()).date_naive()
    }

    pub(super) fn get(&self, table: &str, id: &str) -> Option<Record> {
        self.tx.tables().get(table, id).cloned()
    }

    /// Creates a record under the account's next id. Ids are unique over all collections, so that one that is taken for
    /// another's finds nothing.
    pub(super) fn insert(&mut self, table: &str, fields: Fields) -> String {
        let id = (FIRST_ID + self.tx.next("id")).to_string();
        let record = self.tx.create(table, id.clone(), fields);
        events::created(self, table, &record);
        id
    }

    /// Sets fields of a record.
    pub(super) fn change(&mut self, table: &str, id: &str, fields: Fields) {
        let before = events::payload_before(self, table, id);
        if let Some(record) = self.tx.update(table, id, fields) {
            events::updated(self, table, &record, before);
        }
    }

    /// Deletes a record for good.
    pub(super) fn remove(&mut self, table: &str, id: &str) {
        let before = events::payload_before(self, table, id);
        let record = self.get(table, id);
        if self.tx.delete(table, id)
            && let Some(record) = record
        {
            events::deleted(self, table, &record, before);
        }
    }
}

const FIRST_ID: u64 = 41_000_000;

/// An id as a number, for order.
pub(super) fn number(id: &str) -> u64 {
    id.parse().unwrap_or(u64::MAX)
}

/// A timestamp with the account's offset, in seconds.
pub(super) fn stamp(at: DateTime<Utc>, offset: FixedOffset) -> String {
    at.with_timezone(&offset)
        .format("%Y-%m-%dT%H:%M:%S%:z")
        .to_string()
}

/// Fields from pairs.
pub(super) fn fields<const N: usize>(pairs: [(&str, Value); N]) -> Fields {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// A date field.
pub(super) fn date(record: &Record, field: &str) -> Option<NaiveDate> {
    record.text(field)?.parse().ok()
}

/// A number field, 0 where absent.
pub(super) fn int(record: &Record, field: &str) -> i64 {
    record.get(field).as_i64().unwrap_or(0)
}

/// A yes-or-no field.
pub(super) fn yes(record: &Record, field: &str) -> bool {
    record.get(field).as_bool().unwrap_or(false)
}
