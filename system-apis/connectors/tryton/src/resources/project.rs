//! Projects: works of that type, whose number is the firm's code.

use async_trait::async_trait;
use canonical_model::{FindBy, Project, ProjectStatus, Result, Write, Written};
use serde_json::{Value, json};
use system_ports::{Filter, Idempotency};

use super::writes::{Change, Master, put};
use super::{By, Noun, Shared, Table, Writing, alike, loosely, plain, unknown_state};
use crate::client::Search;
use crate::directory::Lookups;
use crate::mapping::project::{FIELDS, done, to_canonical, to_tryton};
use crate::tag::{self, Tag};
use crate::wire::Record;

plain!(
    /// Projects.
    Projects
);

#[async_trait]
impl Noun for Projects {
    type Record = Project;
    type Extra = ();
    const MODEL: &'static str = "project.work";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: vec![json!(["type", "=", "project"])],
            fields: FIELDS.to_vec(),
            filters: vec![Filter::Account, Filter::State],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        let settings = &self.0.settings.project;
        Ok(match by {
            By::Account(id) => json!(["party", "=", id]),
            By::State("closed") => json!(["status", "in", settings.done]),
            By::State("planned") => json!([
                ["status", "in", settings.open],
                ["comment", "ilike", tag::pattern("state", "planned")]
            ]),
            By::State("active") => json!([
                ["status", "in", settings.open],
                [
                    "OR",
                    ["comment", "=", null],
                    ["comment", "not ilike", tag::pattern("state", "planned")]
                ]
            ]),
            By::State(word) => return Err(unknown_state(word)),
            _ => json!([]),
        })
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Code, FindBy::Name]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        match by {
            FindBy::EffectKey => vec![json!(["comment", "ilike", tag::pattern("key", value)])],
            FindBy::Code => vec![json!(["number", "=", value])],
            _ => vec![json!(["name", "ilike", loosely(value)])],
        }
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        match by {
            FindBy::EffectKey => self.key(record).as_deref() == Some(value),
            FindBy::Name => alike(record.text("name"), value),
            _ => true,
        }
    }

    fn key(&self, record: &Record) -> Option<String> {
        let tag = Tag::of(record.text("comment").as_deref());
        tag.get("key").map(str::to_owned)
    }

    fn writing(&self) -> Option<Writing> {
        // The number is unique, and the same for every write of one project.
        Some(Writing {
            idempotency: Idempotency::UniqueField,
            bulk_size: 1,
            reverses: false,
        })
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Option<Project>> {
        to_canonical(record, lookups, &self.0.settings.project).map(Some)
    }

    async fn write_one(&self, write: &Write<Project>) -> Result<Written> {
        let written = put(self, write).await?;
        Ok(Written {
            code: Some(write.record.code.clone()),
            ..written
        })
    }
}

#[async_trait]
impl Master for Projects {
    async fn change(&self, write: &Write<Project>, existing: Option<&Record>) -> Result<Change> {
        if let Some(account) = &write.record.account {
            self.0.check_party(account).await?;
        }
        let lookups = self.0.directory.current(&self.0.client).await?;
        let settings = &self.0.settings.project;
        let own = to_tryton(&write.record, existing, write.key.as_str(), &lookups, settings)?;
        let mut change = Change::of(own);
        if write.record.status == ProjectStatus::Closed
            && let Some(record) = existing
        {
            let open = self.open_tasks(record.id()?).await?;
            if !open.is_empty() {
                change.before.push((open, done(settings)));
            }
        }
        Ok(change)
    }
}

impl Projects {
    /// What is not done below a project: Tryton closes no project before its parts.
    async fn open_tasks(&self, project: i64) -> Result<Vec<i64>> {
        let fields = ["id".to_owned()];
        let search = Search {
            model: Self::MODEL,
            domain: vec![
                json!(["parent", "child_of", [project]]),
                json!(["id", "!=", project]),
                json!(["status", "not in", self.0.settings.project.done]),
            ],
            order: &["id"],
            limit: None,
            fields: &fields,
        };
        let rows = self.0.client.search_read(search).await?.rows;
        // The innermost are done first.
        rows.iter().rev().map(Record::id).collect()
    }
}
