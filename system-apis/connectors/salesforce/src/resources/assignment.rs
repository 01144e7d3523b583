//! Planned time, shown on the opportunity.

use std::collections::BTreeMap;

use canonical_model::{Assignment, Currency, FindBy, ListQuery, Result};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::{LookUp, Noun, between, points_to, state_word};
use crate::mapping::assignment::{columns, from_record, to_fields, words};
use crate::settings::{ExtensionNames, FieldName, LinkNames, Settings};
use crate::soql;
use crate::wire::{Fields, Record};

impl Noun for Assignment {
    const HAS_CURRENCY: bool = false;
    const MADE_BY_PEOPLE: bool = false;

    fn support() -> Support {
        Support {
            verbs: vec![Verb::List, Verb::Read, Verb::Find, Verb::Changes, Verb::Write],
            filters: vec![Filter::Project, Filter::State, Filter::Date],
            find_by: vec![FindBy::EffectKey],
            idempotency: Idempotency::ExternalIdUpsert,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 200,
        }
    }

    fn names(settings: &Settings) -> (&FieldName, &FieldName) {
        (&settings.assignment.object, &settings.assignment.key)
    }

    fn columns(settings: &Settings) -> Vec<String> {
        columns(settings)
    }

    fn extensions(settings: &Settings) -> &ExtensionNames {
        &settings.extensions.assignment
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
        let names = &settings.assignment;
        let opportunity = names.opportunity.name();
        let mut conditions: Vec<String> = query
            .project
            .iter()
            .map(|id| points_to(opportunity, id))
            .collect();
        if let Some(state) = &query.state {
            let word = state_word(state, &words(settings))?;
            conditions.push(format!("{} = {}", names.status.name(), soql::text(word)));
        }
        conditions.extend(between(names.start_date.name(), query));
        Ok(conditions)
    }

    fn look_ups(_: &Settings, _: FindBy, _: &str) -> Vec<LookUp<Self>> {
        Vec::new()
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
