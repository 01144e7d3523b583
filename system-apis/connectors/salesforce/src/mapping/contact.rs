//! `Contact`.

use canonical_model::{Contact, Result};

use super::lookup;
use crate::wire::{Fields, Record};

/// Columns beside the system's own.
pub(crate) fn columns() -> Vec<String> {
    [
        "FirstName",
        "LastName",
        "Email",
        "Phone",
        "Title",
        "AccountId",
        "Account.Name",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// Reads a contact.
pub(crate) fn from_record(record: &Record) -> Result<Contact> {
    let last_name = record.text("LastName")?;
    let account = lookup(record, "AccountId", "Account.Name")?;
    Ok(Contact {
        first_name: record.text("FirstName")?,
        last_name: record.needed("LastName", last_name)?,
        email: record.text("Email")?,
        phone: record.text("Phone")?,
        title: record.text("Title")?,
        account: record.needed("AccountId", account)?,
    })
}

/// The fields of a write.
pub(crate) fn to_fields(contact: &Contact) -> Fields {
    let mut fields = Fields::default();
    fields.put("LastName", contact.last_name.as_str());
    fields.put_some("FirstName", contact.first_name.as_deref());
    fields.put_some("Email", contact.email.as_deref());
    fields.put_some("Phone", contact.phone.as_deref());
    fields.put_some("Title", contact.title.as_deref());
    fields.put("AccountId", contact.account.id.as_str());
    fields
}
