//! Invoices, shown on the account.

use std::collections::BTreeMap;

use canonical_model::{Currency, FindBy, Invoice, ListQuery, Result};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::{LookUp, Noun, between, points_to, state_word};
use crate::mapping::invoice::{columns, from_record, to_fields, words};
use crate::settings::{ExtensionNames, FieldName, LinkNames, Settings};
use crate::soql;
use crate::wire::{Fields, Record};

impl Noun for Invoice {
    const HAS_CURRENCY: bool = true;
    const MADE_BY_PEOPLE: bool = false;

    fn support() -> Support {
        Support {
            verbs: vec![Verb::List, Verb::Read, Verb::Find, Verb::Changes, Verb::Write],
            filters: vec![Filter::Account, Filter::Project, Filter::State, Filter::Date],
            find_by: vec![FindBy::EffectKey, FindBy::Code],
            idempotency: Idempotency::ExternalIdUpsert,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 200,
        }
    }

    fn names(settings: &Settings) -> (&FieldName, &FieldName) {
        (&settings.invoice.object, &settings.invoice.key)
    }

    fn columns(settings: &Settings) -> Vec<String> {
        columns(settings)
    }

    fn extensions(settings: &Settings) -> &ExtensionNames {
        &settings.extensions.invoice
    }

    fn links(_: &Settings) -> Option<&BTreeMap<String, LinkNames>> {
        None
    }

    fn children(_: &Settings) -> Option<&str> {
        None
    }

    fn always(_: &Settings) -> Option<String> {
        None
    }

    fn filters(settings: &Settings, query: &ListQuery) -> Result<Vec<String>> {
        let names = &settings.invoice;
        let account = query.account.iter().map(|id| points_to(names.account.name(), id));
        let project = names
            .opportunity
            .get()
            .into_iter()
            .flat_map(|field| query.project.iter().map(move |id| points_to(field, id)));
        let mut conditions: Vec<String> = account.chain(project).collect();
        if let Some(state) = &query.state {
            let word = state_word(state, &words(settings))?;
            conditions.push(format!("{} = {}", names.status.name(), soql::text(word)));
        }
        conditions.extend(between(names.date.name(), query));
        Ok(conditions)
    }

    fn look_ups(settings: &Settings, by: FindBy, value: &str) -> Vec<LookUp<Self>> {
        match by {
            FindBy::Code => LookUp::field(settings.invoice.number.get(), value),
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
