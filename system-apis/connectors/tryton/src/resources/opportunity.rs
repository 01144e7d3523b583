//! Deals: read as salespeople made them, told about the project that they became.

use async_trait::async_trait;
use canonical_model::{FindBy, Opportunity, Result, Write, Written};
use serde_json::{Value, json};
use system_ports::{Filter, Idempotency, Verb, not_supported};

use super::writes::{Change, Master, put};
use super::{By, Noun, Shared, Table, VENDOR, Writing, alike, loosely, plain, unknown_state};
use crate::directory::Lookups;
use crate::mapping::opportunity::{FIELDS, to_canonical, to_tryton};
use crate::wire::Record;

plain!(
    /// Opportunities.
    Opportunities
);

#[async_trait]
impl Noun for Opportunities {
    type Record = Opportunity;
    type Extra = ();
    const MODEL: &'static str = "sale.opportunity";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: Vec::new(),
            fields: FIELDS.to_vec(),
            filters: vec![Filter::Account, Filter::State],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        Ok(match by {
            By::Account(id) => json!(["party", "=", id]),
            By::State("open") => json!(["state", "in", ["lead", "opportunity", "converted"]]),
            By::State("won") => json!(["state", "=", "won"]),
            By::State("lost") => json!(["state", "in", ["lost", "cancelled"]]),
            By::State(word) => return Err(unknown_state(word)),
            _ => json!([]),
        })
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Code, FindBy::Name]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        match by {
            FindBy::Code => vec![json!(["number", "=", value])],
            _ => vec![json!(["description", "ilike", loosely(value)])],
        }
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        by != FindBy::Name || alike(record.text("description"), value)
    }

    fn writing(&self) -> Option<Writing> {
        Some(Writing {
            idempotency: Idempotency::NaturallyIdempotent,
            bulk_size: 1,
            reverses: false,
        })
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Option<Opportunity>> {
        to_canonical(record, lookups, &self.0.settings.items).map(Some)
    }

    async fn write_one(&self, write: &Write<Opportunity>) -> Result<Written> {
        if write.id.is_none() {
            // Deals are made by people.
            return Err(not_supported(VENDOR, "opportunity without an id", Verb::Write));
        }
        put(self, write).await
    }
}

#[async_trait]
impl Master for Opportunities {
    async fn change(&self, write: &Write<Opportunity>, existing: Option<&Record>) -> Result<Change> {
        let refused = || not_supported(VENDOR, "opportunity without an id", Verb::Write);
        existing
            .map(|record| Change::of(to_tryton(&write.record, record)))
            .ok_or_else(refused)
    }
}
