//! Pieces of work and the projects that they belong to.

use std::collections::BTreeMap;

use canonical_model::{RecordRef, Result};

use super::Shared;
use crate::tag::Tag;
use crate::wire::Record;

/// Projects within projects go no deeper than this.
const DEEPEST: usize = 16;

/// Works by id, with all that they are part of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Works(BTreeMap<i64, Work>);

#[derive(Debug, Clone)]
struct Work {
    name: String,
    number: Option<String>,
    parent: Option<i64>,
    is_project: bool,
    billable: bool,
}

impl Works {
    /// Reads works, and what they are part of.
    pub(crate) async fn read(shared: &Shared, ids: impl IntoIterator<Item = i64>) -> Result<Self> {
        let mut works = Self::default();
        let mut wanted: Vec<i64> = ids.into_iter().collect();
        for _ in 0..DEEPEST {
            wanted.retain(|id| !works.0.contains_key(id));
            wanted.sort_unstable();
            wanted.dedup();
            if wanted.is_empty() {
                break;
            }
            let fields = ["name", "number", "parent", "type", "comment"];
            let rows = shared.rows("project.work", &wanted, &fields).await?;
            wanted = rows.iter().filter_map(|row| row.integer("parent")).collect();
            for row in rows {
                works.add(&row)?;
            }
        }
        Ok(works)
    }

    fn add(&mut self, row: &Record) -> Result<()> {
        let work = Work {
            name: row.text("name").unwrap_or_default(),
            number: row.text("number"),
            parent: row.integer("parent"),
            is_project: row.text("type").as_deref() == Some("project"),
            billable: Tag::of(row.text("comment").as_deref()).get("billable") != Some("false"),
        };
        self.0.insert(row.id()?, work);
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn of(rows: &[Record]) -> Self {
        let mut works = Self::default();
        for row in rows {
            works.add(row).unwrap();
        }
        works
    }

    /// The project that a work belongs to, or is.
    pub(crate) fn project_of(&self, work: i64) -> Option<RecordRef> {
        let mut id = work;
        for _ in 0..DEEPEST {
            let here = self.0.get(&id)?;
            if here.is_project {
                return Some(RecordRef {
                    id: id.to_string(),
                    label: here.number.clone(),
                });
            }
            id = here.parent?;
        }
        None
    }

    /// The work as a task; `None` for a project.
    pub(crate) fn task(&self, work: i64) -> Option<RecordRef> {
        let here = self.0.get(&work).filter(|work| !work.is_project)?;
        Some(RecordRef::labelled(work.to_string(), here.name.clone()))
    }

    /// Whether hours on a work are charged, as far as its task says.
    pub(crate) fn is_billable(&self, work: i64) -> bool {
        self.0.get(&work).is_none_or(|work| work.billable)
    }

    /// The task that a task is part of; `None` for one that stands in the project itself.
    pub(crate) fn parent_task(&self, work: i64) -> Option<RecordRef> {
        self.task(self.0.get(&work)?.parent?)
    }
}
