//! People (`company.employee`) and roles (`product.product`).

use canonical_model::{Person, Result, Role};

use crate::wire::Record;

/// An employee. One without an e-mail address keeps an empty one: nobody can be matched to it by accident.
pub(crate) fn to_canonical(record: &Record) -> Result<Person> {
    Ok(Person {
        name: record
            .text("party.name")
            .ok_or_else(|| record.bad("party.name"))?,
        email: record.text("party.email").unwrap_or_default(),
        home_entity: record.reference("company", "company.party.name"),
        role: None,
        skills: Vec::new(),
        weekly_capacity_minutes: None,
        active: record.flag("active"),
    })
}

/// A service as a role.
pub(crate) fn to_role(record: &Record) -> Result<Role> {
    let name = record.text("template.name");
    Ok(Role {
        name: name.ok_or_else(|| record.bad("template.name"))?,
    })
}
