//! Projects.

use std::collections::BTreeSet;

use canonical_model::{FindBy, ListQuery, Project, Result, Sourced, Write, WriteResult};
use chrono::{DateTime, Utc};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::writes::Writable;
use super::{KeyField, Noun, Records, Shared, Stamp, filter, in_state, is, params};
use crate::client::{Fields, Object, Params};
use crate::mapping::{View, field_for, project};
use crate::settings::Settings;
use crate::wire::{Envelope, Record};

impl Noun for Project {
    const OBJECT: Object = Object {
        plural: "workspaces",
        singular: "workspace",
    };
    const LISTED_BY: Stamp = Stamp::Created;
    const CHANGED_BY: Stamp = Stamp::Updated;
    const STATES: &'static [&'static str] = &["planned", "active", "closed"];
    const EVENT: &'static str = "workspace";
    const EVENTS: &'static [&'static str] = &[
        "workspace:custom_field_value_created",
        "workspace:custom_field_value_updated",
        "workspace:custom_field_value_deleted",
    ];
    const REFERENCED_AS: Option<&'static str> = Some("Workspace");

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
            filters: vec![Filter::Account, Filter::State],
            find_by: vec![FindBy::EffectKey, FindBy::Code, FindBy::Name],
            idempotency: Idempotency::UniqueField,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 1,
        }
    }

    fn params() -> Params {
        params(&[
            ("include_archived", "true"),
            (
                "include",
                "workspace_groups,primary_workspace_group,primary_maven,custom_field_values,external_references",
            ),
        ])
    }

    fn filters(query: &ListQuery) -> Params {
        filter("workspace_group_ids", query.account.as_ref())
    }

    fn keeps(&self, query: &ListQuery) -> bool {
        let account = self.account.as_ref().map(|account| account.id.as_str());
        is(query.account.as_ref(), account) && in_state(query.state.as_ref(), self.status)
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        project::read(record, view).map(Some)
    }

    fn key_field(settings: &Settings) -> Option<KeyField<'_>> {
        Some(KeyField {
            subject: "Workspace",
            field: &settings.fields.project_key,
        })
    }

    /// The newest of the stamps of the project and of its custom fields.
    fn changed_at(record: &Record, view: View<'_>) -> Result<DateTime<Utc>> {
        let mut at = record.instant("updated_at")?;
        for id in record.ids("custom_field_value_ids") {
            if let Some(value) = view.envelope.get("custom_field_values", &id) {
                at = at.max(value.instant("updated_at")?);
            }
        }
        record.needed("updated_at", at)
    }

    fn look_up(by: FindBy, value: &str, settings: &Settings) -> Option<Params> {
        if by == FindBy::Name {
            return Some(params(&[("matching", value)]));
        }
        let plain = !value.contains([':', '(', ')', ',']);
        let code = format!("({}:{value})", settings.fields.project_code);
        plain.then(|| vec![("by_custom_text_value", code)])
    }

    fn meant(found: &Sourced<Self>, by: FindBy, value: &str) -> bool {
        match by {
            FindBy::Name => super::same_text(&found.data.name, value),
            _ => found.data.code == value,
        }
    }

    async fn concerned(shared: &Shared, _: &str, ids: &BTreeSet<String>) -> Result<Envelope> {
        let what = "reading changed projects";
        shared.client.only("workspaces", ids, &Self::params(), what).await
    }

    async fn write_all(records: &Records<Self>, writes: &[Write<Self>]) -> Vec<WriteResult> {
        let mut results = records.upsert_all(writes).await;
        for (result, write) in results.iter_mut().zip(writes) {
            if let Some(written) = &mut result.written {
                written.code = Some(write.record.code.clone());
            }
        }
        results
    }
}

impl Writable for Project {
    fn batch_size(_: &Shared) -> usize {
        1
    }

    async fn to_fields(&self, shared: &Shared, current: Option<&Record>) -> Result<Fields> {
        let settings = &shared.settings;
        let billing_method = match self.billing_method {
            Some(method) => {
                let field = field_for(
                    "a billing method",
                    settings.fields.project_billing_method.as_deref(),
                )?;
                let label = project::billing_label(method, settings);
                Some(shared.choice(field, &label, "the billing type").await?)
            }
            None => None,
        };
        let legal_entity = match &self.legal_entity {
            Some(entity) => {
                let field = field_for("a legal entity", settings.fields.project_legal_entity.as_deref())?;
                Some(shared.choice(field, &entity.id, "the legal entity").await?)
            }
            None => None,
        };
        let rate_card = match &self.rate_card {
            Some(card) => Some(shared.rate_card(&card.id, self.currency.code()).await?),
            None => None,
        };
        let known = project::Known {
            billing_method,
            legal_entity,
            rate_card,
        };
        project::write(self, known, current, settings)
    }
}
