//! Contracts that have a billing method; others are none of the loop's.

use std::collections::BTreeMap;

use canonical_model::{Contract, Currency, FindBy, ListQuery, Result};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::{LookUp, Noun, between, points_to};
use crate::mapping::contract::{columns, from_record, to_fields};
use crate::settings::{ExtensionNames, FieldName, LinkNames, Settings};
use crate::wire::{Fields, Record};

impl Noun for Contract {
    const HAS_CURRENCY: bool = true;
    const MADE_BY_PEOPLE: bool = false;

    fn support() -> Support {
        Support {
            verbs: vec![Verb::List, Verb::Read, Verb::Find, Verb::Changes, Verb::Write],
            filters: vec![Filter::Account, Filter::Date],
            find_by: vec![FindBy::EffectKey, FindBy::Code, FindBy::Name],
            idempotency: Idempotency::ExternalIdUpsert,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 200,
        }
    }

    fn names(settings: &Settings) -> (&FieldName, &FieldName) {
        (&settings.contract.object, &settings.contract.key)
    }

    fn columns(settings: &Settings) -> Vec<String> {
        columns(settings)
    }

    fn extensions(settings: &Settings) -> &ExtensionNames {
        &settings.extensions.contract
    }

    fn links(_: &Settings) -> Option<&BTreeMap<String, LinkNames>> {
        None
    }

    fn children(_: &Settings) -> Option<&str> {
        None
    }

    fn always(settings: &Settings) -> Option<String> {
        Some(format!("{} != null", settings.contract.billing_method.name()))
    }

    fn filters(_: &Settings, query: &ListQuery) -> Result<Vec<String>> {
        let account = query.account.iter().map(|id| points_to("AccountId", id));
        Ok(account.chain(between("StartDate", query)).collect())
    }

    fn look_ups(settings: &Settings, by: FindBy, value: &str) -> Vec<LookUp<Self>> {
        match by {
            FindBy::Code => LookUp::field(Some("ContractNumber"), value),
            FindBy::Name => LookUp::field(settings.contract.name.get(), value),
            _ => Vec::new(),
        }
    }

    fn from_record(record: &Record, settings: &Settings) -> Result<Self> {
        from_record(record, settings)
    }

    fn to_fields(&self, settings: &Settings, _: Option<Currency>) -> Result<Fields> {
        to_fields(self, settings)
    }

    fn needs_currency(&self) -> bool {
        false
    }
}
