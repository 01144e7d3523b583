//! Roles: the services that are sold by the hour, without those that other charges go on.

use async_trait::async_trait;
use canonical_model::{FindBy, Result, Role, Write, Written};
use serde_json::{Value, json};
use system_ports::{Verb, not_supported};

use super::{Noun, Shared, Table, VENDOR, Writing, alike, loosely, plain};
use crate::directory::Lookups;
use crate::mapping::person::to_role;
use crate::wire::Record;

plain!(
    /// Services.
    Roles
);

#[async_trait]
impl Noun for Roles {
    type Record = Role;
    type Extra = ();
    const MODEL: &'static str = "product.product";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: vec![
                json!(["type", "=", "service"]),
                json!(["salable", "=", true]),
                json!(["id", "not in", self.0.settings.items.all()]),
            ],
            fields: vec!["template.name", "code", "default_uom"],
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Code, FindBy::Name]
    }

    fn condition(&self, by: FindBy, value: &str) -> Vec<Value> {
        match by {
            FindBy::Code => vec![json!(["code", "=", value])],
            _ => vec![json!(["template.name", "ilike", loosely(value)])],
        }
    }

    fn matches(&self, record: &Record, by: FindBy, value: &str) -> bool {
        by != FindBy::Name || alike(record.text("template.name"), value)
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Option<Role>> {
        let by_time = record
            .integer("default_uom")
            .is_some_and(|unit| lookups.hours_in(unit).is_some());
        by_time.then(|| to_role(record)).transpose()
    }

    async fn write_one(&self, _: &Write<Role>) -> Result<Written> {
        Err(not_supported(VENDOR, "role", Verb::Write))
    }
}
