//! Roles: the service items that time is charged as. Items of agreed charges and the like are not among them.

use async_trait::async_trait;
use canonical_model::{FindBy, Result, Role, Write, Written};
use system_ports::{Verb, not_supported};

use super::{Noun, Shared, Table, VENDOR, Writing, plain};
use crate::directory::Lookups;
use crate::mapping::person::to_role;
use crate::wire::Record;

plain!(
    /// Service items.
    Roles
);

#[async_trait]
impl Noun for Roles {
    type Record = Role;
    type Extra = ();
    const OBJECT: &'static str = "item";
    const IN_RECORD_SERVICE: bool = false;

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let quoted = |id: &str| format!("'{}'", id.replace('\'', "''"));
        let others: Vec<String> = self.0.settings.items.all().into_iter().map(quoted).collect();
        let condition = format!(
            "itemtype = 'Service' AND NVL(isinactive, 'F') = 'F' AND id NOT IN ({})",
            others.join(", ")
        );
        let columns = Some(vec!["itemid".to_owned(), "displayname".to_owned()]);
        Table {
            name: "item",
            condition: Some(condition),
            columns,
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Code, FindBy::Name]
    }

    fn condition(&self, by: FindBy) -> Option<String> {
        match by {
            FindBy::Code => Some("itemid = ?".to_owned()),
            FindBy::Name => Some("(LOWER(displayname) = LOWER(?) OR LOWER(itemid) = LOWER(?))".to_owned()),
            _ => None,
        }
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, _: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Role)>> {
        Ok(vec![(None, to_role(record)?)])
    }

    async fn write_one(&self, _: &Write<Role>) -> Result<Written> {
        Err(not_supported(VENDOR, "role", Verb::Write))
    }
}
