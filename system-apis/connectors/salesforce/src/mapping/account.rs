//! `Account`.

use canonical_model::{
    Account, AccountFinancials, Address, Currency, Failure, Money, Result, TaxRegistration,
};

use super::{amount_in, countries, currency, id_of, lookup, money, named, put_currency};
use crate::settings::{AccountNames, Settings};
use crate::wire::{Fields, Record};

/// Columns beside the system's own.
pub(crate) fn columns(settings: &Settings) -> Vec<String> {
    let names = &settings.account;
    let standard = [
        "Name",
        "ParentId",
        "Parent.Name",
        "Website",
        "Phone",
        "BillingStreet",
        "BillingCity",
        "BillingState",
        "BillingPostalCode",
        "BillingCountry",
    ];
    let custom = [
        &names.email,
        &names.tax_registration,
        &names.legal_entity,
        &names.payment_terms,
        &names.invoice_status,
        &names.billed_to_date,
        &names.collected_to_date,
        &names.dso_days,
        &names.margin_percent,
        &names.financials_as_of,
    ];
    let code = settings.country_codes.then_some("BillingCountryCode");
    let all = standard
        .into_iter()
        .chain(code)
        .chain(custom.into_iter().filter_map(|name| name.get()));
    all.map(str::to_owned).collect()
}

/// Reads an account.
pub(crate) fn from_record(record: &Record, settings: &Settings) -> Result<Account> {
    let names = &settings.account;
    let name = record.text("Name")?;
    let currency = currency(record, settings)?;
    let billing_address = address(record, settings)?;
    let number = record.custom_text(&names.tax_registration)?;
    let tax_registrations = match number {
        Some(number) => vec![registration(record, number, billing_address.as_ref())?],
        None => Vec::new(),
    };
    Ok(Account {
        name: record.needed("Name", name)?,
        parent: lookup(record, "ParentId", "Parent.Name")?,
        website: record.text("Website")?,
        phone: record.text("Phone")?,
        email: record.custom_text(&names.email)?,
        tax_registrations,
        billing_address,
        payment_terms: named(record.custom_text(&names.payment_terms)?),
        legal_entity: named(record.custom_text(&names.legal_entity)?),
        currency: Some(currency),
        financials: financials(record, names, currency)?,
    })
}

/// Salesforce keeps the number alone. Its country is that of its prefix (`DE123456789`), else that of the address.
fn registration(record: &Record, number: String, address: Option<&Address>) -> Result<TaxRegistration> {
    let prefix: String = number
        .trim()
        .chars()
        .take(2)
        .collect::<String>()
        .to_ascii_uppercase();
    let by_prefix = match prefix.as_str() {
        // Tax authorities have their own letters for Greece and Northern Ireland.
        "EL" => Some("GR"),
        "XI" => Some("GB"),
        code if countries::is_code(code) => Some(code),
        _ => None,
    };
    let country = by_prefix.or_else(|| address.map(|a| a.country.as_str()));
    let country = country.map(str::to_owned).ok_or_else(|| {
        let id = record.id().unwrap_or_default();
        let message = format!("account {id} in Salesforce has a tax registration of no known country: fill in its billing country");
        Failure::business("tax_country_unknown", message)
    })?;
    Ok(TaxRegistration { country, number })
}

/// An address without a country cannot decide a tax nexus: it is no address to the loop.
fn address(record: &Record, settings: &Settings) -> Result<Option<Address>> {
    let code = if settings.country_codes {
        record.text("BillingCountryCode")?
    } else {
        None
    };
    let Some(country) = code.or(record.text("BillingCountry")?) else {
        return Ok(None);
    };
    let country = countries::code_of(&country, &settings.countries).ok_or_else(|| {
        let id = record.id().unwrap_or_default();
        let message = format!("account {id} in Salesforce is in {country:?}, which is no country that Fairlead knows: correct it, or add the spelling to the connection's settings");
        Failure::business("unknown_country", message)
    })?;
    let street = record.text("BillingStreet")?.unwrap_or_default();
    let mut lines: Vec<String> = street
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(str::to_owned)
        .collect();
    if lines.len() > 3 {
        let rest = lines.split_off(2).join(", ");
        lines.push(rest);
    }
    Ok(Some(Address {
        lines,
        city: record.text("BillingCity")?,
        region: record.text("BillingState")?,
        postal_code: record.text("BillingPostalCode")?,
        country,
    }))
}

/// What the loop wrote; nothing where it has not written all of it.
fn financials(
    record: &Record,
    names: &AccountNames,
    currency: Currency,
) -> Result<Option<AccountFinancials>> {
    let status = record.custom_text(&names.invoice_status)?;
    let billed = record.custom_decimal(&names.billed_to_date)?;
    let collected = record.custom_decimal(&names.collected_to_date)?;
    let as_of = record.custom_date(&names.financials_as_of)?;
    let (Some(invoice_status), Some(billed), Some(collected), Some(as_of)) =
        (status, billed, collected, as_of)
    else {
        return Ok(None);
    };
    Ok(Some(AccountFinancials {
        invoice_status,
        billed_to_date: money(billed, currency),
        collected_to_date: money(collected, currency),
        dso_days: record.custom_decimal(&names.dso_days)?,
        margin_percent: record.custom_decimal(&names.margin_percent)?,
        as_of,
    }))
}

/// The fields of a write; `known` is the currency of the record that is updated.
pub(crate) fn to_fields(account: &Account, settings: &Settings, known: Option<Currency>) -> Result<Fields> {
    let names = &settings.account;
    let mut fields = Fields::default();
    fields.put("Name", account.name.as_str());
    fields.put_some("ParentId", id_of(&account.parent));
    fields.put_some("Website", account.website.as_deref());
    fields.put_some("Phone", account.phone.as_deref());
    fields.put_custom("an account's email", &names.email, account.email.as_deref())?;
    fields.put_custom(
        "an account's tax registration",
        &names.tax_registration,
        one_registration(account)?,
    )?;
    fields.put_custom(
        "an account's legal entity",
        &names.legal_entity,
        id_of(&account.legal_entity),
    )?;
    fields.put_custom(
        "an account's payment terms",
        &names.payment_terms,
        id_of(&account.payment_terms),
    )?;
    if let Some(address) = &account.billing_address {
        put_address(&mut fields, address, settings);
    }
    if let Some(currency) = account.currency {
        put_currency(&mut fields, settings, currency)?;
    }
    if let Some(financials) = &account.financials {
        let single = if settings.multi_currency {
            None
        } else {
            settings.corporate_currency
        };
        let Some(currency) = account.currency.or(known).or(single) else {
            let message = format!(
                "the figures of account {:?} need the account's currency",
                account.name
            );
            return Err(Failure::business("currency_missing", message));
        };
        put_financials(&mut fields, names, financials, currency)?;
    }
    Ok(fields)
}

/// Salesforce has one field for tax registrations.
fn one_registration(account: &Account) -> Result<Option<&str>> {
    match account.tax_registrations.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.number.as_str())),
        several => {
            let home = account
                .billing_address
                .as_ref()
                .map(|address| address.country.as_str());
            let at_home = several
                .iter()
                .find(|registration| Some(registration.country.as_str()) == home);
            at_home.map(|registration| Some(registration.number.as_str())).ok_or_else(|| {
                let message = format!("account {:?} has several tax registrations and none of its billing country: Salesforce holds one", account.name);
                Failure::business("tax_registration_ambiguous", message)
            })
        }
    }
}

fn put_address(fields: &mut Fields, address: &Address, settings: &Settings) {
    if !address.lines.is_empty() {
        fields.put("BillingStreet", address.lines.join("\n"));
    }
    fields.put_some("BillingCity", address.city.as_deref());
    fields.put_some("BillingState", address.region.as_deref());
    fields.put_some("BillingPostalCode", address.postal_code.as_deref());
    if settings.country_codes {
        fields.put("BillingCountryCode", address.country.as_str());
    } else {
        fields.put(
            "BillingCountry",
            countries::name_of(&address.country).unwrap_or(&address.country),
        );
    }
}

fn put_financials(
    fields: &mut Fields,
    names: &AccountNames,
    figures: &AccountFinancials,
    currency: Currency,
) -> Result<()> {
    let amount = |money: Money, what| amount_in(currency, money, what).map(Some);
    fields.put_custom(
        "an account's invoice status",
        &names.invoice_status,
        Some(figures.invoice_status.as_str()),
    )?;
    fields.put_custom(
        "billed to date",
        &names.billed_to_date,
        amount(figures.billed_to_date, "billed to date")?,
    )?;
    fields.put_custom(
        "collected to date",
        &names.collected_to_date,
        amount(figures.collected_to_date, "collected to date")?,
    )?;
    fields.put_custom("days sales outstanding", &names.dso_days, figures.dso_days)?;
    fields.put_custom(
        "an account's margin",
        &names.margin_percent,
        figures.margin_percent,
    )?;
    fields.put_custom(
        "the day of an account's figures",
        &names.financials_as_of,
        Some(figures.as_of),
    )
}

/// Letters and digits of a tax number, in capitals: people write `DE 123 456 789`.
pub(crate) fn bare_number(number: &str) -> String {
    number
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_uppercase()
}

/// The domain of a web address, without `www.`.
pub(crate) fn domain_of(website: &str) -> Option<String> {
    let rest = website
        .trim()
        .split_once("://")
        .map_or(website.trim(), |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', ':']).next()?.to_ascii_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    (!host.is_empty()).then(|| host.to_owned())
}
