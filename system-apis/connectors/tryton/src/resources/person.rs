//! Employees: read only.

use async_trait::async_trait;
use canonical_model::{FindBy, Person, Result, Write, Written};
use serde_json::{Value, json};
use system_ports::{Verb, not_supported};

use super::{Noun, Shared, Table, VENDOR, Writing, alike, loosely, plain};
use crate::directory::Lookups;
use crate::mapping::person::to_canonical;
use crate::wire::Record;

plain!(
    /// Employees.
    People
);

#[async_trait]
impl Noun for People {
    type Record = Person;
    type Extra = ();
    const MODEL: &'static str = "company.employee";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        // By default Tryton leaves out who has left.
        Table {
            domain: vec![json!(["active", "in", [true, false]])],
            fields: vec![
                "party.name",
                "party.email",
                "company",
                "company.party.name",
                "active",
            ],
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Email, FindBy::Name]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        let path = match by {
            FindBy::Email => "party.contact_mechanisms.value",
            _ => "party.name",
        };
        vec![json!([path, "ilike", loosely(value)])]
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        let path = match by {
            FindBy::Email => "party.email",
            _ => "party.name",
        };
        alike(record.text(path), value)
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, _: &Lookups, _: &()) -> Result<Option<Person>> {
        to_canonical(record).map(Some)
    }

    async fn write_one(&self, _: &Write<Person>) -> Result<Written> {
        Err(not_supported(VENDOR, "person", Verb::Write))
    }
}
