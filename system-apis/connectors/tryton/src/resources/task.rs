//! Tasks of projects: works whose number is our key.

use async_trait::async_trait;
use canonical_model::{Failure, FindBy, Result, Task, Write, Written};
use serde_json::{Value, json};
use system_ports::{Filter, Idempotency};

use super::works::Works;
use super::writes::{Change, Master, put};
use super::{By, Noun, Shared, Table, Writing, alike, loosely, plain};
use crate::directory::Lookups;
use crate::mapping::task::{FIELDS, to_canonical, to_tryton};
use crate::wire::{Record, id_of};

plain!(
    /// Tasks.
    Tasks
);

#[async_trait]
impl Noun for Tasks {
    type Record = Task;
    type Extra = Works;
    const MODEL: &'static str = "project.work";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: vec![json!(["type", "=", "task"])],
            fields: FIELDS.to_vec(),
            filters: vec![Filter::Project],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        Ok(match by {
            By::Project(id) => json!(["parent", "child_of", [id]]),
            _ => json!([]),
        })
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Name]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        match by {
            FindBy::EffectKey => vec![json!(["number", "=", value])],
            _ => vec![json!(["name", "ilike", loosely(value)])],
        }
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        by != FindBy::Name || alike(record.text("name"), value)
    }

    fn key(&self, record: &Record) -> Option<String> {
        record.text("number")
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::UniqueField,
            bulk_size: 1,
            reverses: false,
        })
    }

    async fn extra(&self, records: &[Record]) -> Result<Works> {
        Works::read(&self.0, records.iter().filter_map(|row| row.integer("id"))).await
    }

    fn map(&self, record: &Record, _: &Lookups, works: &Works) -> Result<Option<Task>> {
        to_canonical(record, works, &self.0.settings.project)
    }

    async fn write_one(&self, write: &Write<Task>) -> Result<Written> {
        put(self, write).await
    }
}

#[async_trait]
impl Master for Tasks {
    async fn change(&self, write: &Write<Task>, existing: Option<&Record>) -> Result<Change> {
        let task = &write.record;
        if existing.is_none() {
            self.check_project(task).await?;
        }
        let company = self.0.client.company().await?;
        let settings = &self.0.settings.project;
        to_tryton(task, existing, write.key.as_str(), company, settings).map(Change::of)
    }
}

impl Tasks {
    /// Time on a task of another project would be booked there.
    async fn check_project(&self, task: &Task) -> Result<()> {
        let within = id_of(task.parent.as_ref().unwrap_or(&task.project), "project")?;
        let works = Works::read(&self.0, [within]).await?;
        match works.project_of(within) {
            Some(project) if project.id == task.project.id => Ok(()),
            _ => {
                let message = format!(
                    "task {:?} is of project {}, which Tryton does not have there",
                    task.name, task.project.id
                );
                Err(Failure::business("invalid_reference", message))
            }
        }
    }
}
