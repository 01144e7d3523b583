//! People (`employee`). Only columns that we need are ever asked for: the record holds private data.

use canonical_model::{Person, Result, Role};

use crate::wire::Record;

/// The columns that are read.
pub(crate) const COLUMNS: [&str; 7] = [
    "entityid",
    "firstname",
    "lastname",
    "email",
    "subsidiary",
    "BUILTIN.DF(subsidiary) AS subsidiary_label",
    "isinactive",
];

/// An employee. One without an e-mail address keeps an empty one: nobody can be matched to it by accident.
pub(crate) fn to_canonical(record: &Record) -> Result<Person> {
    let names = ["firstName", "lastName"]
        .into_iter()
        .filter_map(|name| record.text(name));
    let name = Some(names.collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty());
    Ok(Person {
        name: name
            .or_else(|| record.text("entityId"))
            .ok_or_else(|| record.bad("entityId"))?,
        email: record.text("email").unwrap_or_default(),
        home_entity: record.reference("subsidiary"),
        role: None,
        skills: Vec::new(),
        weekly_capacity_minutes: None,
        active: !record.flag("isInactive"),
    })
}

/// A service item as a role.
pub(crate) fn to_role(record: &Record) -> Result<Role> {
    let name = record.text("displayName").or_else(|| record.text("itemId"));
    Ok(Role {
        name: name.ok_or_else(|| record.bad("itemId"))?,
    })
}
