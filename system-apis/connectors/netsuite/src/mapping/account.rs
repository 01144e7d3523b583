//! Customers.

use canonical_model::{Account, Address, RecordRef, Result, TaxRegistration};
use serde_json::{Value, json};

use crate::directory::Lookups;
use crate::settings::Fields;
use crate::wire::{Body, Record, refer};

/// A customer as an account.
pub(crate) fn to_canonical(record: &Record, lookups: &Lookups) -> Result<Account> {
    let currency = match record.text("currency") {
        Some(_) => Some(lookups.currency(record, "currency")?),
        None => None,
    };
    Ok(Account {
        name: name(record)?,
        parent: record.reference("parent"),
        website: record.text("url"),
        phone: record.text("phone"),
        email: record.text("email"),
        tax_registrations: registrations(record)?,
        billing_address: billing_address(record)?,
        payment_terms: record.reference("terms"),
        legal_entity: record.reference("subsidiary"),
        currency,
        financials: None,
    })
}

fn name(record: &Record) -> Result<String> {
    let person = || {
        let names = ["firstName", "lastName"]
            .into_iter()
            .filter_map(|n| record.text(n));
        Some(names.collect::<Vec<_>>().join(" ")).filter(|name| !name.is_empty())
    };
    let name = record
        .text("companyName")
        .or_else(person)
        .or_else(|| record.text("entityId"));
    name.ok_or_else(|| record.bad("companyName"))
}

fn registrations(record: &Record) -> Result<Vec<TaxRegistration>> {
    let lines = record.lines("taxRegistration")?;
    let registration = |line: &Record| {
        Some(TaxRegistration {
            country: line.text("nexusCountry")?,
            number: line.text("taxRegistrationNumber")?,
        })
    };
    Ok(lines.iter().filter_map(registration).collect())
}

/// The entry that invoices go to, else the first.
fn billing_entry(record: &Record) -> Result<Option<Record>> {
    let mut entries = record.lines("addressBook")?;
    let at = entries
        .iter()
        .position(|entry| entry.flag("defaultBilling"))
        .unwrap_or(0);
    Ok((at < entries.len()).then(|| entries.swap_remove(at)))
}

fn billing_address(record: &Record) -> Result<Option<Address>> {
    let Some(entry) = billing_entry(record)? else {
        return Ok(None);
    };
    let Some(address) = entry.sub("addressBookAddress")? else {
        return Ok(None);
    };
    let Some(country) = address.text("country") else {
        return Ok(None);
    };
    Ok(Some(Address {
        lines: ["addr1", "addr2", "addr3"]
            .into_iter()
            .filter_map(|n| address.text(n))
            .collect(),
        city: address.text("city"),
        region: address.text("state"),
        postal_code: address.text("zip"),
        country,
    }))
}

/// An account as a customer. `existing` is the customer as it is: what finance keeps in its lists stays there.
pub(crate) fn to_netsuite(
    account: &Account,
    existing: Option<&Record>,
    currency: Option<&str>,
    terms: Option<&str>,
    fields: &Fields,
) -> Result<Value> {
    let mut body = Body::default();
    body.set("companyName", account.name.as_str())
        .refer("parent", account.parent.as_ref())
        .set_opt("url", account.website.clone())
        .set_opt("phone", account.phone.clone())
        .set_opt("email", account.email.clone())
        .set_opt("terms", terms.map(refer))
        .refer("subsidiary", account.legal_entity.as_ref());
    if let Some(currency) = currency {
        let primary = existing.and_then(|record| record.text("currency"));
        match primary {
            // The primary currency of a customer with postings cannot change; a further one can be added.
            Some(primary) if primary != currency => {
                body.lines("currencyList", vec![json!({ "currency": refer(currency) })]);
            }
            _ => {
                body.set("currency", refer(currency));
            }
        }
    }
    if !account.tax_registrations.is_empty() {
        body.lines(
            "taxRegistration",
            merged_registrations(&account.tax_registrations, existing)?,
        );
    }
    if let Some(address) = &account.billing_address {
        body.lines("addressBook", vec![address_entry(account, address, existing)?]);
    }
    let number = account.tax_registrations.first().map(|r| r.number.clone());
    body.custom(fields.customer_tax_number.as_ref(), number)
        .custom(fields.customer_domain.as_ref(), domain(account));
    Ok(body.build())
}

/// All registrations: ours by country over those that are there. The list is replaced, because its lines have no key.
fn merged_registrations(ours: &[TaxRegistration], existing: Option<&Record>) -> Result<Vec<Value>> {
    let there = existing.map(registrations).transpose()?.unwrap_or_default();
    let kept = there
        .iter()
        .filter(|r| ours.iter().all(|own| own.country != r.country));
    let line =
        |r: &TaxRegistration| json!({ "nexusCountry": refer(&r.country), "taxRegistrationNumber": r.number });
    Ok(kept.chain(ours).map(line).collect())
}

/// The billing address: over the entry that is there, so that other addresses stay.
fn address_entry(account: &Account, address: &Address, existing: Option<&Record>) -> Result<Value> {
    let mut inner = Body::default();
    let line = |n: usize| address.lines.get(n).cloned();
    inner
        .set("addressee", account.name.as_str())
        .set_opt("addr1", line(0))
        .set_opt("addr2", line(1))
        .set_opt("addr3", line(2))
        .set_opt("city", address.city.clone())
        .set_opt("state", address.region.clone())
        .set_opt("zip", address.postal_code.clone())
        .set("country", refer(&address.country));
    let mut entry = Body::default();
    let there = existing.map(billing_entry).transpose()?.flatten();
    let number = there.and_then(|entry| entry.text("internalId")?.parse::<i64>().ok());
    entry
        .set_opt("internalId", number)
        .set("defaultBilling", true)
        .set("defaultShipping", true)
        .set("addressBookAddress", inner.build());
    Ok(entry.build())
}

/// The web domain, of the web site or else of the e-mail address.
pub(crate) fn domain(account: &Account) -> Option<String> {
    let of_site = account.website.as_deref().and_then(|site| {
        let host = site.split("://").last()?.split(['/', ':', '?']).next()?;
        Some(host.trim_start_matches("www.").to_lowercase())
    });
    let of_mail = || {
        account
            .email
            .as_deref()?
            .rsplit_once('@')
            .map(|(_, domain)| domain.to_lowercase())
    };
    of_site.filter(|host| host.contains('.')).or_else(of_mail)
}

/// Payment terms by id, or by name to be looked up.
pub(crate) fn is_id(reference: &RecordRef) -> bool {
    !reference.id.is_empty() && reference.id.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::tests::{lookups, record, settings};

    fn customer() -> Record {
        record(json!({
            "id": "1001", "companyName": "Helios Energy GmbH", "currency": {"id": "4", "refName": "Euro"},
            "subsidiary": {"id": "3", "refName": "Northwind Advisory Deutschland"}, "terms": {"id": "3", "refName": "Net 30"},
            "taxRegistration": {"totalResults": 2, "items": [
                {"nexusCountry": {"id": "DE"}, "taxRegistrationNumber": "DE123456789"},
                {"nexusCountry": {"id": "GB"}, "taxRegistrationNumber": "GB1"}]},
            "addressBook": {"totalResults": 2, "items": [
                {"internalId": 1, "addressBookAddress": {"country": {"id": "GB"}}},
                {"internalId": 2, "defaultBilling": true, "addressBookAddress": {"addr1": "Ring 1", "country": {"id": "DE"}}}]}
        }))
    }

    #[test]
    fn a_customer_becomes_an_account_with_tax_and_address() {
        let account = to_canonical(&customer(), &lookups()).unwrap();
        assert_eq!(account.currency.unwrap().code(), "EUR");
        assert_eq!(account.tax_registrations.len(), 2);
        let address = account.billing_address.unwrap();
        assert_eq!((address.country.as_str(), address.lines.len()), ("DE", 1));
        assert_eq!(account.payment_terms.unwrap().label.unwrap(), "Net 30");
    }

    #[test]
    fn a_write_keeps_what_finance_has_in_its_lists() {
        let there = customer();
        let mut account = to_canonical(&there, &lookups()).unwrap();
        account.tax_registrations = vec![TaxRegistration {
            country: "DE".into(),
            number: "DE999".into(),
        }];
        let body = to_netsuite(&account, Some(&there), Some("1"), None, &settings().fields).unwrap();
        let registrations = body["taxRegistration"]["items"].as_array().unwrap();
        assert_eq!(
            registrations.len(),
            2,
            "the British registration stays: {registrations:?}"
        );
        assert_eq!(body["addressBook"]["items"][0]["internalId"], 2);
        assert!(
            body.get("currency").is_none(),
            "a further currency does not replace the first"
        );
        assert_eq!(body["currencyList"]["items"][0]["currency"]["id"], "1");
    }

    #[test]
    fn sublists_without_their_lines_are_an_error_not_an_empty_list() {
        let cut = record(json!({"id": "1", "companyName": "X", "taxRegistration": {"links": []}}));
        assert_eq!(
            to_canonical(&cut, &lookups()).unwrap_err().code,
            "undecodable_answer"
        );
        let short = record(
            json!({"id": "1", "companyName": "X", "taxRegistration": {"totalResults": 2, "items": []}}),
        );
        assert_eq!(to_canonical(&short, &lookups()).unwrap_err().code, "missing_page");
    }
}
