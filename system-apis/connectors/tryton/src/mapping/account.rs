//! Customers (`party.party`).

use std::collections::BTreeMap;

use canonical_model::{Account, Address, Failure, Result, TaxRegistration};
use serde_json::{Value, json};

use crate::directory::Lookups;
use crate::wire::{Record, creating};

use super::Values;

/// What is read of a party.
pub(crate) const FIELDS: [&str; 14] = [
    "name",
    "code",
    "addresses.street",
    "addresses.city",
    "addresses.postal_code",
    "addresses.country",
    "addresses.subdivision.name",
    "contact_mechanisms.type",
    "contact_mechanisms.value",
    "identifiers.type",
    "identifiers.code",
    "customer_payment_term",
    "customer_payment_term.name",
    "rec_name",
];

/// Identifier type of VAT numbers that begin with their country.
const EUROPEAN: &str = "eu_vat";

/// A party as an account. A party without a name has at least the name that Tryton shows.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups) -> Result<Account> {
    let contact = contacts(record)?;
    let value = |kinds: &[&str]| {
        let found = contact.iter().find(|(_, kind, _)| kinds.contains(&kind.as_str()));
        found.map(|(_, _, value)| value.clone())
    };
    let registrations = record.many("identifiers")?;
    Ok(Account {
        name: record
            .text("name")
            .or_else(|| record.text("rec_name"))
            .ok_or_else(|| record.bad("name"))?,
        parent: None,
        website: value(&["website"]),
        phone: value(&["phone", "mobile"]),
        email: value(&["email"]),
        tax_registrations: registrations.iter().filter_map(registration).collect(),
        billing_address: address(record, lookups)?,
        payment_terms: record.reference("customer_payment_term", "customer_payment_term.name"),
        // Parties belong to all companies of a database.
        legal_entity: None,
        currency: None,
        financials: None,
    })
}

fn contacts(record: &Record) -> Result<Vec<(i64, String, String)>> {
    let contact = |line: &Record| Some((line.integer("id")?, line.text("type")?, line.text("value")?));
    Ok(record
        .many("contact_mechanisms")?
        .iter()
        .filter_map(contact)
        .collect())
}

/// A tax identifier whose country is known: by the number itself, or by its type.
pub(crate) fn registration(line: &Record) -> Option<TaxRegistration> {
    let (kind, number) = (line.text("type")?, line.text("code")?);
    let letters = |text: &str| {
        let country = text.get(..2)?.to_uppercase();
        country
            .bytes()
            .all(|byte| byte.is_ascii_uppercase())
            .then_some(country)
    };
    let country = if kind == EUROPEAN {
        // Greece writes EL.
        letters(&number).map(|country| if country == "EL" { "GR".to_owned() } else { country })?
    } else {
        let (country, rest) = kind.split_once('_')?;
        let tax = rest.contains("vat") || rest.contains("tin") || matches!(rest, "ein" | "mva");
        tax.then(|| letters(country)).flatten()?
    };
    Some(TaxRegistration { country, number })
}

fn address(record: &Record, lookups: &Lookups) -> Result<Option<Address>> {
    let lines = record.many("addresses")?;
    // The first with a country: an address without one says nothing about tax.
    let found = lines.iter().find_map(|line| {
        let country = lookups.country(line.integer("country")?)?.to_owned();
        Some((line, country))
    });
    Ok(found.map(|(line, country)| Address {
        lines: line
            .text("street")
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect(),
        city: line.text("city"),
        region: line.text("subdivision.name"),
        postal_code: line.text("postal_code"),
        country,
    }))
}

/// An account as the values of a party. `existing` is the party as it is: what people added to its lists stays there.
///
/// # Errors
/// Business `invalid_value` for a country that Tryton does not have.
pub(crate) fn to_tryton(
    account: &Account,
    existing: Option<&Record>,
    code: &str,
    term: Option<i64>,
    lookups: &Lookups,
    types: &BTreeMap<String, String>,
) -> Result<Value> {
    let mut values = Values::default();
    values.change("name", account.name.as_str(), existing);
    if existing.is_none() {
        values.set("code", code);
    }
    values.set_opt("customer_payment_term", term);
    let contact = contact_changes(account, existing)?;
    if !contact.is_empty() {
        values.set("contact_mechanisms", contact);
    }
    let identifiers = identifier_changes(account, existing, types)?;
    if !identifiers.is_empty() {
        values.set("identifiers", identifiers);
    }
    if let Some(change) = address_change(account, existing, lookups)? {
        values.set("addresses", change);
    }
    Ok(values.build())
}

fn contact_changes(account: &Account, existing: Option<&Record>) -> Result<Vec<Value>> {
    let there = existing.map(contacts).transpose()?.unwrap_or_default();
    let mut changes = Vec::new();
    for (kind, value) in [
        ("website", &account.website),
        ("phone", &account.phone),
        ("email", &account.email),
    ] {
        let Some(value) = value else { continue };
        let known = there.iter().filter(|(_, known, _)| known == kind);
        if known.clone().any(|(_, _, now)| now == value) {
            continue;
        }
        changes.push(match known.map(|(id, ..)| *id).next() {
            Some(id) => json!(["write", [id], { "value": value }]),
            None => json!(["create", [{ "type": kind, "value": value }]]),
        });
    }
    Ok(changes)
}

/// Registrations: ours by country over those that are there.
fn identifier_changes(
    account: &Account,
    existing: Option<&Record>,
    types: &BTreeMap<String, String>,
) -> Result<Vec<Value>> {
    let there = existing
        .map(|record| record.many("identifiers"))
        .transpose()?
        .unwrap_or_default();
    let mut changes = Vec::new();
    for own in &account.tax_registrations {
        let kind = types.get(&own.country).map(String::as_str);
        let code = |line: &Record| compact(&line.text("code").unwrap_or_default());
        if there.iter().any(|line| code(line) == compact(&own.number)) {
            continue;
        }
        let of_country = there
            .iter()
            .find(|line| registration(line).is_some_and(|known| known.country == own.country));
        changes.push(match of_country.and_then(|line| line.integer("id")) {
            Some(id) => json!(["write", [id], { "type": kind, "code": own.number }]),
            None => json!(["create", [{ "type": kind, "code": own.number }]]),
        });
    }
    Ok(changes)
}

/// A number as Tryton compares it: without blanks and signs.
pub(crate) fn compact(number: &str) -> String {
    let letters = number.chars().filter(|c| c.is_alphanumeric());
    letters.collect::<String>().to_uppercase()
}

/// The billing address, over the first that is there. A new party gets an address in any case: without one it cannot be
/// invoiced.
fn address_change(account: &Account, existing: Option<&Record>, lookups: &Lookups) -> Result<Option<Value>> {
    let there = existing
        .map(|record| record.many("addresses"))
        .transpose()?
        .unwrap_or_default();
    let Some(own) = &account.billing_address else {
        return Ok(existing.is_none().then(|| creating(vec![json!({})])));
    };
    if let Some(record) = existing
        && address(record, lookups)?.as_ref() == Some(own)
    {
        return Ok(None);
    }
    let country = lookups.country_id(&own.country).ok_or_else(|| {
        let message = format!(
            "Tryton has no country {}: import the countries there",
            own.country
        );
        Failure::business("invalid_value", message)
    })?;
    let mut values = Values::default();
    values
        .set("street", own.lines.join("\n"))
        .set("city", own.city.clone())
        .set("postal_code", own.postal_code.clone())
        .set("country", country);
    let values = values.build();
    Ok(Some(match there.first().and_then(|line| line.integer("id")) {
        Some(id) => json!([["write", [id], values]]),
        None => creating(vec![values]),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::tests::{lookups, record, settings};

    fn party() -> Record {
        record(json!({
            "id": 9, "name": "Helios Energy GmbH", "code": "q2p-customer-1", "rec_name": "Helios Energy GmbH",
            "customer_payment_term": 12, "customer_payment_term.": {"id": 12, "name": "Net 30"},
            "addresses.": [
                {"id": 4, "street": null, "city": null, "postal_code": null, "country": null, "subdivision.": null},
                {"id": 5, "street": "Ring 1\nHof", "city": "Berlin", "postal_code": "10115", "country": 3, "subdivision.": null}],
            "contact_mechanisms.": [
                {"id": 1, "type": "email", "value": "ap@helios.example"}, {"id": 2, "type": "website", "value": "https://helios.example"}],
            "identifiers.": [
                {"id": 1, "type": "eu_vat", "code": "DE811907980"}, {"id": 2, "type": "gb_vat", "code": "GB1"},
                {"id": 3, "type": null, "code": "HRB 7"}, {"id": 4, "type": "de_handelsregisternummer", "code": "HRB 7"}]
        }))
    }

    #[test]
    fn a_party_becomes_an_account_with_tax_and_address() {
        let account = to_canonical(&party(), &lookups()).unwrap();
        let countries: Vec<_> = account
            .tax_registrations
            .iter()
            .map(|r| r.country.as_str())
            .collect();
        assert_eq!(countries, ["DE", "GB"]);
        let address = account.billing_address.unwrap();
        assert_eq!((address.country.as_str(), address.lines.len()), ("DE", 2));
        assert_eq!(account.payment_terms.unwrap().label.unwrap(), "Net 30");
        assert_eq!(account.email.as_deref(), Some("ap@helios.example"));
    }

    #[test]
    fn what_is_as_it_shall_be_is_not_written_and_what_people_added_stays() {
        let there = party();
        let types = &settings().identifier_types;
        let mut account = to_canonical(&there, &lookups()).unwrap();
        account.tax_registrations[0].number = "DE 811 907 980".to_owned();
        let same = to_tryton(&account, Some(&there), "k", None, &lookups(), types).unwrap();
        assert_eq!(same, json!({}));
        account.email = Some("new@helios.example".to_owned());
        account.tax_registrations = vec![TaxRegistration {
            country: "DE".into(),
            number: "DE136695976".into(),
        }];
        account.billing_address.as_mut().unwrap().city = Some("Hamburg".to_owned());
        let changed = to_tryton(&account, Some(&there), "k", Some(13), &lookups(), types).unwrap();
        assert_eq!(
            changed["contact_mechanisms"],
            json!([["write", [1], {"value": "new@helios.example"}]])
        );
        assert_eq!(
            changed["identifiers"],
            json!([["write", [1], {"type": "eu_vat", "code": "DE136695976"}]])
        );
        assert_eq!(changed["addresses"][0][0], "write");
        assert!(changed.get("code").is_none(), "a party keeps its code");
    }

    #[test]
    fn a_new_party_has_our_key_and_an_address_to_invoice_to() {
        let mut account = to_canonical(&party(), &lookups()).unwrap();
        account.billing_address = None;
        let types = &settings().identifier_types;
        let made = to_tryton(&account, None, "q2p-1", None, &lookups(), types).unwrap();
        assert_eq!(made["code"], "q2p-1");
        assert_eq!(made["addresses"], json!([["create", [{}]]]));
        account.billing_address = Some(Address {
            country: "FR".into(),
            ..Address::default()
        });
        let unknown = to_tryton(&account, None, "q2p-1", None, &lookups(), types).unwrap_err();
        assert_eq!(unknown.code, "invalid_value");
    }
}
