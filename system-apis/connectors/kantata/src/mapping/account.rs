//! Client companies: workspace groups.

use canonical_model::{Account, Address, Failure, Result, TaxRegistration};
use serde_json::json;

use super::{View, put, put_custom};
use crate::client::Fields;
use crate::settings::Settings;
use crate::wire::Record;

/// Reads a client company.
pub(crate) fn read(record: &Record, view: View<'_>) -> Result<Account> {
    let address = record.text("address").and_then(|text| address(&text));
    let field = view.settings.fields.account_tax_registration.as_deref();
    let number = field.and_then(|field| view.envelope.custom_text(record, field));
    let country = address.as_ref().map(|address| address.country.as_str());
    let registration = number.and_then(|number| registration(number, country));
    Ok(Account {
        name: record.needed_text("name")?,
        parent: None,
        website: record.text("website"),
        phone: record.text("phone_number"),
        email: record.text("email"),
        tax_registrations: registration.into_iter().collect(),
        billing_address: address,
        payment_terms: None,
        legal_entity: None,
        currency: None,
        financials: None,
    })
}

/// The fields of a write. What a client company of Kantata has no place for (terms, entity, currency) stays with finance.
pub(crate) fn write(account: &Account, settings: &Settings) -> Result<Fields> {
    if account.name.trim().is_empty() {
        return Err(Failure::business(
            "required_field_missing",
            "a client company needs a name",
        ));
    }
    let mut fields = Fields::new();
    put(&mut fields, "name", Some(account.name.as_str()));
    fields.insert("company".to_owned(), json!(true));
    put(&mut fields, "website", account.website.as_deref());
    put(&mut fields, "phone_number", account.phone.as_deref());
    put(&mut fields, "email", account.email.as_deref());
    put(
        &mut fields,
        "address",
        account.billing_address.as_ref().map(lines),
    );
    let field = settings.fields.account_tax_registration.as_deref();
    if let (Some(field), Some(registration)) = (field, account.tax_registrations.first()) {
        put_custom(&mut fields, field, registration.number.as_str());
    }
    Ok(fields)
}

/// Kantata keeps an address as one text: ours has the country's code on its last line.
fn lines(address: &Address) -> String {
    let place = [&address.postal_code, &address.city, &address.region];
    let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
    let lines = address.lines.iter().cloned();
    let rest = [place.join(" "), address.country.clone()];
    let all: Vec<String> = lines.chain(rest).filter(|line| !line.is_empty()).collect();
    all.join("\n")
}

/// An address that ends with a country's code; any other text is for people only.
fn address(text: &str) -> Option<Address> {
    let mut lines: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    let country = lines.pop().filter(|line| is_country(line))?;
    Some(Address {
        lines,
        country,
        ..Address::default()
    })
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// A registration is in the country of its prefix, else in that of the address.
fn registration(number: String, country: Option<&str>) -> Option<TaxRegistration> {
    let prefix = number.get(..2).filter(|prefix| is_country(prefix));
    let country = prefix.or(country)?.to_owned();
    Some(TaxRegistration { country, number })
}
