//! Customers, contacts and employees in a OneWorld account.

use serde_json::Value;

use super::{Write, require};
use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::references::View;
use crate::netsuite::schema::RecordType;
use crate::netsuite::value::{default_flag, default_text, flag_of, lines_of, put_lines, put_text, text_of};
use crate::store::Fields;

const RELATIONSHIP: &str = "customerSubsidiaryRelationship";

pub(super) fn customer(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    fields: &mut Fields,
) -> Answer<()> {
    default_flag(fields, "isPerson", false);
    default_flag(fields, "isInactive", false);
    let name = if flag_of(fields, "isPerson") {
        person_name(fields)
            .ok_or_else(|| Refusal::missing(&["First Name".to_owned(), "Last Name".to_owned()]))?
    } else {
        let name = text_of(fields, "companyName").or_else(|| text_of(fields, "entityId"));
        name.ok_or_else(|| Refusal::missing(&["Company Name".to_owned()]))?
            .to_owned()
    };
    default_text(fields, "entityId", name);
    require(record, fields)?;
    let view = write.view();
    let home = view
        .follow(fields, "subsidiary", "subsidiary")
        .and_then(|s| text_of(s, "currency"))
        .map(str::to_owned);
    if let Some(home) = home {
        default_text(fields, "currency", home);
    }
    default_text(fields, "entityStatus", "13");
    list_primary_currency(fields);
    let name = text_of(fields, "entityId").unwrap_or_default().to_lowercase();
    let taken = |r: &&crate::store::Record| {
        r.id != id
            && r.text("entityId")
                .is_some_and(|other| other.to_lowercase() == name)
    };
    if write.twin.settings.unique_customer_names && view.tables.rows("customer").any(|r| taken(&r)) {
        return Err(Refusal::user_error(
            "A customer record with this ID already exists",
        ));
    }
    Ok(())
}

fn person_name(fields: &Fields) -> Option<String> {
    let names: Vec<&str> = ["firstName", "lastName"]
        .into_iter()
        .filter_map(|n| text_of(fields, n))
        .collect();
    (!names.is_empty()).then(|| names.join(" "))
}

fn list_primary_currency(fields: &mut Fields) {
    let Some(currency) = text_of(fields, "currency").map(str::to_owned) else {
        return;
    };
    let mut list = lines_of(fields, "currencyList");
    if !list
        .iter()
        .any(|line| text_of(line, "currency") == Some(&currency))
    {
        let mut line = Fields::new();
        put_text(&mut line, "currency", currency);
        list.insert(0, line);
    }
    put_lines(fields, "currencyList", list);
}

/// Whether a customer may be billed by a subsidiary.
pub(super) fn belongs_to(view: View<'_>, customer: &str, subsidiary: &str) -> bool {
    let primary = view
        .fields("customer", customer)
        .and_then(|c| text_of(c, "subsidiary"));
    primary == Some(subsidiary)
        || view
            .tables
            .rows(RELATIONSHIP)
            .any(|r| r.text("entity") == Some(customer) && r.text("subsidiary") == Some(subsidiary))
}

pub(super) fn relationship(
    write: &mut Write<'_, '_>,
    record: &RecordType,
    id: &str,
    fields: &mut Fields,
) -> Answer<()> {
    require(record, fields)?;
    default_flag(fields, "isPrimarySub", false);
    let view = write.view();
    let (entity, subsidiary) = (fields.get("entity").cloned(), fields.get("subsidiary").cloned());
    let same = |r: &crate::store::Record| {
        r.id != id
            && Some(r.get("entity")) == entity.as_ref()
            && Some(r.get("subsidiary")) == subsidiary.as_ref()
    };
    if view.tables.rows(RELATIONSHIP).any(same) {
        return Err(Refusal::user_error(
            "This customer is already assigned to this subsidiary.",
        ));
    }
    let currency = view
        .follow(fields, "entity", "customer")
        .and_then(|c| c.get("currency"))
        .cloned();
    if let Some(currency) = currency {
        fields.insert("primaryCurrency".to_owned(), currency);
    }
    Ok(())
}

/// A customer always has the relationship with its primary subsidiary.
pub(super) fn keep_primary_relationship(write: &mut Write<'_, '_>, id: &str, fields: &Fields) {
    let Some(subsidiary) = text_of(fields, "subsidiary").map(str::to_owned) else {
        return;
    };
    let rows = write
        .tx
        .tables()
        .rows(RELATIONSHIP)
        .filter(|r| r.text("entity") == Some(id));
    let rows: Vec<(String, String, bool)> = rows
        .map(|r| {
            (
                r.id.clone(),
                r.text("subsidiary").unwrap_or_default().to_owned(),
                flag_of(&r.fields, "isPrimarySub"),
            )
        })
        .collect();
    for (row, other, primary) in &rows {
        if *primary != (*other == subsidiary) {
            write.touch(RELATIONSHIP, row, [("isPrimarySub", Value::Bool(!primary))]);
        }
    }
    if rows.iter().any(|(_, other, _)| *other == subsidiary) {
        return;
    }
    let mut relationship = Fields::new();
    put_text(&mut relationship, "entity", id);
    put_text(&mut relationship, "subsidiary", subsidiary);
    relationship.insert("isPrimarySub".to_owned(), Value::Bool(true));
    relationship.extend(
        fields
            .get("currency")
            .map(|c| ("primaryCurrency".to_owned(), c.clone())),
    );
    if let Some(record) = write.twin.schema.get(RELATIONSHIP) {
        let id = write.twin.next_id(write.tx, record);
        write.tx.create(RELATIONSHIP, id, relationship);
    }
}

/// The relationships of a deleted customer go with it.
pub(super) fn drop_relationships(write: &mut Write<'_, '_>, customer: &str) {
    let rows = write
        .tx
        .tables()
        .rows(RELATIONSHIP)
        .filter(|r| r.text("entity") == Some(customer));
    let ids: Vec<String> = rows.map(|r| r.id.clone()).collect();
    for id in ids {
        write.tx.delete(RELATIONSHIP, &id);
    }
}

pub(super) fn contact(write: &mut Write<'_, '_>, record: &RecordType, fields: &mut Fields) -> Answer<()> {
    let view = write.view();
    let company = view
        .follow(fields, "company", "customer")
        .or_else(|| view.follow(fields, "company", "job"));
    if let Some(subsidiary) = company.and_then(|c| text_of(c, "subsidiary")).map(str::to_owned) {
        default_text(fields, "subsidiary", subsidiary);
    }
    let name = person_name(fields).or_else(|| text_of(fields, "entityId").map(str::to_owned));
    let name = name.ok_or_else(|| Refusal::missing(&["Contact Name".to_owned()]))?;
    default_text(fields, "entityId", name);
    default_flag(fields, "isInactive", false);
    require(record, fields)
}

pub(super) fn employee(write: &mut Write<'_, '_>, record: &RecordType, fields: &mut Fields) -> Answer<()> {
    let name = person_name(fields).or_else(|| text_of(fields, "entityId").map(str::to_owned));
    let name = name.ok_or_else(|| Refusal::missing(&["First Name".to_owned(), "Last Name".to_owned()]))?;
    default_text(fields, "entityId", name);
    default_flag(fields, "isInactive", false);
    if text_of(fields, "subsidiary").is_none() {
        return Err(Refusal::missing(&["Subsidiary".to_owned()]));
    }
    let view = write.view();
    let currency = view
        .follow(fields, "subsidiary", "subsidiary")
        .and_then(|s| text_of(s, "currency"))
        .map(str::to_owned);
    if let Some(currency) = currency {
        default_text(fields, "defaultexpensereportcurrency", currency);
    }
    require(record, fields)
}
