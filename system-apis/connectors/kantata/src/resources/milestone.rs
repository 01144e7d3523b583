//! Milestones: a story and its billing milestone.

use std::collections::BTreeSet;

use canonical_model::{Failure, FindBy, ListQuery, Milestone, Result, Write, WriteResult};
use chrono::{DateTime, Utc};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::task::{STORY, stories};
use super::writes::Writable;
use super::{KeyField, Noun, Records, Shared, Stamp, filter, in_state, is};
use crate::client::{Fields, Object, Params};
use crate::mapping::{View, currency, milestone};
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

const BILLING: Object = Object {
    plural: "billing_milestones",
    singular: "billing_milestone",
};

impl Noun for Milestone {
    const OBJECT: Object = STORY;
    const LISTED_BY: Stamp = Stamp::Created;
    const CHANGED_BY: Stamp = Stamp::Updated;
    const STATES: &'static [&'static str] = &["planned", "completed", "cancelled"];
    const EVENT: &'static str = "story";
    const EVENTS: &'static [&'static str] = &[
        "story:deleted",
        "billing_milestone:created",
        "billing_milestone:updated",
    ];
    const STORY_TYPE: Option<&'static str> = Some("milestone");
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
            filters: vec![Filter::Project, Filter::State],
            find_by: vec![FindBy::EffectKey],
            idempotency: Idempotency::UniqueField,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 100,
        }
    }

    fn params() -> Params {
        stories("milestone")
    }

    fn filters(query: &ListQuery) -> Params {
        filter("workspace_id", query.project.as_ref())
    }

    fn keeps(&self, query: &ListQuery) -> bool {
        is(query.project.as_ref(), Some(&self.project.id)) && in_state(query.state.as_ref(), self.state)
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        milestone::read(record, view)
    }

    fn key_field(settings: &Settings) -> Option<KeyField<'_>> {
        Some(KeyField {
            subject: "Story",
            field: &settings.fields.task_key,
        })
    }

    /// The newer of the two stamps.
    fn changed_at(record: &Record, view: View<'_>) -> Result<DateTime<Utc>> {
        let story = record.instant("updated_at")?;
        let billing = milestone::billing(view.envelope, &record.id()?);
        let billing = billing.map(|b| b.instant("updated_at")).transpose()?.flatten();
        record.needed("updated_at", story.max(billing))
    }

    async fn complete(shared: &Shared, envelope: &mut Envelope, ids: &[String]) -> Result<()> {
        let stories: BTreeSet<String> = ids.iter().cloned().collect();
        let what = "reading billing milestones";
        let billing = shared
            .client
            .by_ids(BILLING.plural, ("story_ids", &stories), &Vec::new(), what)
            .await?;
        envelope.take_along(billing);
        let projects = envelope.ids_in("stories", ids, "workspace_id");
        shared.load_projects(envelope, projects).await
    }

    /// The stories of billing milestones.
    async fn concerned(shared: &Shared, _: &str, ids: &BTreeSet<String>) -> Result<Envelope> {
        let what = "reading changed milestones";
        let billing = shared.client.only(BILLING.plural, ids, &Vec::new(), what).await?;
        let stories = billing.ids_in(BILLING.plural, &billing.results, "story_id");
        shared
            .client
            .only("stories", &stories, &Self::params(), what)
            .await
    }

    async fn write_all(records: &Records<Self>, writes: &[Write<Self>]) -> Vec<WriteResult> {
        records.upsert_all(writes).await
    }
}

impl Writable for Milestone {
    fn batch_size(shared: &Shared) -> usize {
        shared.settings.limits.batch_size
    }

    async fn to_fields(&self, shared: &Shared, current: Option<&Record>) -> Result<Fields> {
        // The billing milestone will be in the project's currency, whatever is meant. A project that is not there is
        // refused by Kantata.
        let mut known = Envelope::default();
        let project = BTreeSet::from([self.project.id.clone()]);
        shared.load_projects(&mut known, project).await?;
        if let Some(workspace) = known.get("workspaces", &self.project.id) {
            let theirs = currency(workspace)?;
            if theirs != self.amount.currency {
                let message = format!(
                    "milestone {:?} is in {}, its project in {theirs}: convert it first",
                    self.name, self.amount.currency
                );
                return Err(Failure::business("currency_differs", message));
            }
        }
        milestone::write_billing(self, "", None)?;
        Ok(milestone::write_story(self, current))
    }

    /// Makes or changes the billing milestone. One that an earlier write did not come to is made now.
    async fn finish(&self, shared: &Shared, story_id: &str) -> Result<()> {
        let story = BTreeSet::from([story_id.to_owned()]);
        let what = format!("billing of milestone {story_id}");
        let found = shared
            .client
            .by_ids(BILLING.plural, ("story_ids", &story), &Vec::new(), &what)
            .await?;
        let current = milestone::billing(&found, story_id);
        let fields = milestone::write_billing(self, story_id, current)?;
        if fields.is_empty() {
            return Ok(());
        }
        match current {
            Some(current) => {
                let id = current.id()?;
                shared.client.update(BILLING, &id, &fields, &what).await?;
            }
            None => {
                shared.client.create(BILLING, &[&fields], &what).await?;
            }
        }
        Ok(())
    }
}
