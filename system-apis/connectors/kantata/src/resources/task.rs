//! Tasks.

use canonical_model::{FindBy, ListQuery, Result, Task, Write, WriteResult};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::writes::Writable;
use super::{KeyField, Noun, Records, Shared, Stamp, filter, is, params};
use crate::client::{Fields, Object, Params};
use crate::mapping::{View, task};
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

/// Stories of every type.
pub(super) const STORY: Object = Object {
    plural: "stories",
    singular: "story",
};

/// Parameters of reading stories: archived ones, too.
pub(super) fn stories(story_type: &'static str) -> Params {
    params(&[
        ("story_type", story_type),
        ("show_archived", "true"),
        ("show_from_archived_workspaces", "true"),
        ("include", "parent,custom_field_values,external_references"),
    ])
}

impl Noun for Task {
    const OBJECT: Object = STORY;
    const LISTED_BY: Stamp = Stamp::Created;
    const CHANGED_BY: Stamp = Stamp::Updated;
    const EVENT: &'static str = "story";
    const EVENTS: &'static [&'static str] = &["story:deleted"];
    const STORY_TYPE: Option<&'static str> = Some("task");
    const REFERENCED_AS: Option<&'static str> = Some("Story");

    fn support() -> Support {
        Support {
            verbs: vec![
                Verb::List,
                Verb::Read,
                Verb::Find,
                Verb::Changes,
                Verb::Write,
                Verb::Link,
            ],
            filters: vec![Filter::Project],
            find_by: vec![FindBy::EffectKey],
            idempotency: Idempotency::UniqueField,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 100,
        }
    }

    fn params() -> Params {
        stories("task")
    }

    fn filters(query: &ListQuery) -> Params {
        filter("workspace_id", query.project.as_ref())
    }

    fn keeps(&self, query: &ListQuery) -> bool {
        is(query.project.as_ref(), Some(&self.project.id))
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        task::read(record, view).map(Some)
    }

    fn key_field(settings: &Settings) -> Option<KeyField<'_>> {
        Some(KeyField {
            subject: "Story",
            field: &settings.fields.task_key,
        })
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, ids: &[String]) -> Result<()> {
        let projects = envelope.ids_in("stories", ids, "workspace_id");
        shared.load_projects(envelope, projects).await
    }

    async fn write_all(records: &Records<Self>, writes: &[Write<Self>]) -> Vec<WriteResult> {
        records.upsert_all(writes).await
    }
}

impl Writable for Task {
    fn batch_size(shared: &Shared) -> usize {
        shared.settings.limits.batch_size
    }

    async fn to_fields(&self, _: &Shared, current: Option<&Record>) -> Result<Fields> {
        task::write(self, current)
    }
}
