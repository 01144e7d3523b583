//! Contacts. Those that belong to no account are private to their owner and are not shown.

use std::collections::BTreeMap;

use canonical_model::{Contact, Currency, FindBy, ListQuery, Result};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::{LookUp, Noun, points_to};
use crate::mapping::contact::{columns, from_record, to_fields};
use crate::settings::{ExtensionNames, FieldName, LinkNames, Settings};
use crate::wire::{Fields, Record};

impl Noun for Contact {
    const HAS_CURRENCY: bool = false;
    const MADE_BY_PEOPLE: bool = false;

    fn support() -> Support {
        Support {
            verbs: vec![Verb::List, Verb::Read, Verb::Find, Verb::Changes, Verb::Write],
            filters: vec![Filter::Account],
            find_by: vec![FindBy::EffectKey, FindBy::Email, FindBy::Name],
            idempotency: Idempotency::ExternalIdUpsert,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 200,
        }
    }

    fn names(settings: &Settings) -> (&FieldName, &FieldName) {
        (&settings.contact.object, &settings.contact.key)
    }

    fn columns(_: &Settings) -> Vec<String> {
        columns()
    }

    fn extensions(settings: &Settings) -> &ExtensionNames {
        &settings.extensions.contact
    }

    fn links(_: &Settings) -> Option<&BTreeMap<String, LinkNames>> {
        None
    }

    fn children(_: &Settings) -> Option<&str> {
        None
    }

    fn always(_: &Settings) -> Option<String> {
        Some("AccountId != null".to_owned())
    }

    fn filters(_: &Settings, query: &ListQuery) -> Result<Vec<String>> {
        Ok(query
            .account
            .iter()
            .map(|id| points_to("AccountId", id))
            .collect())
    }

    fn look_ups(_: &Settings, by: FindBy, value: &str) -> Vec<LookUp<Self>> {
        match by {
            FindBy::Email => LookUp::field(Some("Email"), value),
            FindBy::Name => LookUp::field(Some("Name"), value),
            _ => Vec::new(),
        }
    }

    fn from_record(record: &Record, _: &Settings) -> Result<Self> {
        from_record(record)
    }

    fn to_fields(&self, _: &Settings, _: Option<Currency>) -> Result<Fields> {
        Ok(to_fields(self))
    }

    fn needs_currency(&self) -> bool {
        false
    }
}
