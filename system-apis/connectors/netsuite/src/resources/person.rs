//! People: read only, and by named columns only, for the record holds private data.

use async_trait::async_trait;
use canonical_model::{FindBy, Person, Result, Write, Written};
use system_ports::{Verb, not_supported};

use super::{Noun, Shared, Table, VENDOR, Writing, plain};
use crate::directory::Lookups;
use crate::mapping::person::{COLUMNS, to_canonical};
use crate::wire::Record;

plain!(
    /// Employees.
    People
);

#[async_trait]
impl Noun for People {
    type Record = Person;
    type Extra = ();
    const OBJECT: &'static str = "employee";
    const IN_RECORD_SERVICE: bool = false;

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let columns = Some(COLUMNS.map(str::to_owned).to_vec());
        Table {
            name: "employee",
            condition: None,
            columns,
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Email, FindBy::Name]
    }

    fn condition(&self, by: FindBy) -> Option<String> {
        match by {
            FindBy::Email => Some("LOWER(email) = LOWER(?)".to_owned()),
            FindBy::Name => Some(
                "(LOWER(firstname || ' ' || lastname) = LOWER(?) OR LOWER(entityid) = LOWER(?))".to_owned(),
            ),
            _ => None,
        }
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, _: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Person)>> {
        Ok(vec![(None, to_canonical(record)?)])
    }

    async fn write_one(&self, _: &Write<Person>) -> Result<Written> {
        Err(not_supported(VENDOR, "person", Verb::Write))
    }
}
