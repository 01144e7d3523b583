//! Opportunities. A write gives back the project and its state, by id: people make the deals.

use std::collections::BTreeMap;

use canonical_model::{Currency, Failure, FindBy, ListQuery, Opportunity, Result};
use system_ports::{Consistency, Filter, Idempotency, Support, Verb};

use super::{LookUp, Noun, between, points_to};
use crate::mapping::opportunity::{columns, from_record, to_fields};
use crate::settings::{ExtensionNames, FieldName, LinkNames, Settings};
use crate::wire::{Fields, Record};

impl Noun for Opportunity {
    const HAS_CURRENCY: bool = true;
    const MADE_BY_PEOPLE: bool = true;

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
            filters: vec![Filter::Account, Filter::State, Filter::Date],
            find_by: vec![FindBy::EffectKey, FindBy::Name, FindBy::Code],
            idempotency: Idempotency::NaturallyIdempotent,
            consistency: Consistency::ReadAfterWrite,
            bulk_size: 200,
        }
    }

    fn names(settings: &Settings) -> (&FieldName, &FieldName) {
        (&settings.opportunity.object, &settings.opportunity.key)
    }

    fn columns(settings: &Settings) -> Vec<String> {
        columns(settings)
    }

    fn extensions(settings: &Settings) -> &ExtensionNames {
        &settings.extensions.opportunity
    }

    fn links(settings: &Settings) -> Option<&BTreeMap<String, LinkNames>> {
        Some(&settings.links.opportunity)
    }

    fn children(settings: &Settings) -> Option<&str> {
        Some(settings.opportunity_line.relationship.name())
    }

    fn always(_: &Settings) -> Option<String> {
        None
    }

    fn filters(_: &Settings, query: &ListQuery) -> Result<Vec<String>> {
        let mut conditions: Vec<String> = query
            .account
            .iter()
            .map(|id| points_to("AccountId", id))
            .collect();
        match query.state.as_deref() {
            None => {}
            Some("open") => conditions.push("IsClosed = false".to_owned()),
            Some("won") => conditions.push("IsWon = true".to_owned()),
            Some("lost") => conditions.push("IsClosed = true AND IsWon = false".to_owned()),
            Some(state) => {
                let message = format!("{state:?} is no state that can be listed by");
                return Err(Failure::business("unknown_state", message));
            }
        }
        conditions.extend(between("CloseDate", query));
        Ok(conditions)
    }

    fn look_ups(settings: &Settings, by: FindBy, value: &str) -> Vec<LookUp<Self>> {
        match by {
            FindBy::Name => LookUp::field(Some("Name"), value),
            FindBy::Code => LookUp::field(settings.opportunity.project_code.get(), value),
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
