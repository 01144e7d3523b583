//! Client companies.

use canonical_model::{Account, FindBy, Result, Sourced, Write, WriteResult};
use system_ports::{Consistency, Idempotency, Support, Verb};

use super::writes::Writable;
use super::{KeyField, Noun, Records, Shared, Stamp, params, same_text};
use crate::client::{Fields, Object, Params};
use crate::mapping::{View, account};
use crate::settings::Settings;
use crate::wire::Record;

impl Noun for Account {
    const OBJECT: Object = Object {
        plural: "workspace_groups",
        singular: "workspace_group",
    };
    const LISTED_BY: Stamp = Stamp::Created;
    const CHANGED_BY: Stamp = Stamp::Updated;
    const REFERENCED_AS: Option<&'static str> = Some("WorkspaceGroup");

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
            filters: Vec::new(),
            find_by: vec![FindBy::EffectKey, FindBy::Name],
            idempotency: Idempotency::UniqueField,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 1,
        }
    }

    fn params() -> Params {
        params(&[
            ("company", "true"),
            ("include", "custom_field_values,external_references"),
        ])
    }

    fn read(record: &Record, view: View<'_>) -> Result<Option<Self>> {
        // Groups that are no company serve to sort projects.
        if !record.flag("company") {
            return Ok(None);
        }
        account::read(record, view).map(Some)
    }

    fn key_field(settings: &Settings) -> Option<KeyField<'_>> {
        Some(KeyField {
            subject: "WorkspaceGroup",
            field: &settings.fields.account_key,
        })
    }

    fn look_up(_: FindBy, value: &str, _: &Settings) -> Option<Params> {
        Some(params(&[("search", value)]))
    }

    fn meant(found: &Sourced<Self>, _: FindBy, value: &str) -> bool {
        same_text(&found.data.name, value)
    }

    async fn write_all(records: &Records<Self>, writes: &[Write<Self>]) -> Vec<WriteResult> {
        records.upsert_all(writes).await
    }
}

impl Writable for Account {
    fn batch_size(_: &Shared) -> usize {
        1
    }

    async fn to_fields(&self, shared: &Shared, _: Option<&Record>) -> Result<Fields> {
        account::write(self, &shared.settings)
    }
}
