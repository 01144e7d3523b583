//! Tasks of projects.

use async_trait::async_trait;
use canonical_model::{FindBy, Result, Task, Write, Written};
use system_ports::{Filter, Idempotency};

use super::{Noun, Shared, Table, Writing, plain, writes};
use crate::directory::Lookups;
use crate::mapping::task::{to_canonical, to_netsuite};
use crate::wire::Record;

plain!(
    /// Tasks.
    Tasks
);

#[async_trait]
impl Noun for Tasks {
    type Record = Task;
    type Extra = ();
    const OBJECT: &'static str = "projectTask";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            name: "projecttask",
            condition: None,
            columns: None,
            filters: vec![(Filter::Project, "project")],
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::EffectKey, FindBy::Name]
    }

    fn condition(&self, by: FindBy) -> Option<String> {
        (by == FindBy::Name).then(|| "LOWER(title) = LOWER(?)".to_owned())
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::ExternalIdUpsert,
            bulk_size: 1,
        })
    }

    fn map(&self, record: &Record, _: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Task)>> {
        Ok(vec![(None, to_canonical(record)?)])
    }

    async fn write_one(&self, write: &Write<Task>) -> Result<Written> {
        let existing = writes::existing(&self.0, Self::OBJECT, write).await?;
        let body = to_netsuite(&write.record, existing.as_ref());
        writes::put(&self.0, Self::OBJECT, write, existing.is_some(), &[], &body).await
    }
}
