//! Tax of a sale: the nexus from subsidiary and ship-to country, the rate from the nexus (SuiteTax style).
//!
//! A subsidiary charges the tax of a nexus in which it is registered. A sale to a country where it is not registered
//! falls under its home nexus and is an export without tax.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::netsuite::errors::{Answer, Refusal};
use crate::netsuite::references::{View, in_order};
use crate::netsuite::value::{flag_of, lines_of, number_of, text_of};
use crate::store::Fields;

const NO_NEXUS: &str = "UNABLE_TO_SAVE_THE_TRANSACTION_DUE_TO_AN_ERROR_BEING_REPORTED_BY_THE_TAX_CALCULATION_ENGINE: The nexus of the transaction could not be determined.";

/// How a sale is taxed.
pub(super) struct Taxation {
    pub(super) nexus: String,
    /// Tax code, absent on an export.
    pub(super) code: Option<String>,
    /// Percent.
    pub(super) rate: Decimal,
    pub(super) tax_type: String,
}

/// Determines nexus and rate of a sale.
pub(super) fn of_sale(view: View<'_>, fields: &Fields, customer: &Fields) -> Answer<Taxation> {
    let none = || Refusal::user_error(NO_NEXUS);
    let subsidiary = view.follow(fields, "subsidiary", "subsidiary").ok_or_else(none)?;
    let home = text_of(subsidiary, "country").ok_or_else(none)?;
    let destination = destination(fields, customer).unwrap_or_else(|| home.to_owned());
    let registrations = lines_of(subsidiary, "taxRegistration");
    let registered: Vec<&str> = registrations.iter().filter_map(|r| text_of(r, "nexus")).collect();
    let in_country = |country: &str| {
        let nexuses = in_order(view.tables, "nexus");
        nexuses
            .into_iter()
            .find(|n| registered.contains(&n.id.as_str()) && n.text("country") == Some(country))
    };
    let given = text_of(fields, "nexus")
        .filter(|id| registered.contains(id))
        .and_then(|id| view.get("nexus", id));
    let nexus = given
        .or_else(|| in_country(&destination))
        .or_else(|| in_country(home))
        .ok_or_else(none)?;
    let exempt = flag_of(customer, "taxExempt") || customer.get("taxable") == Some(&Value::Bool(false));
    let is_export = nexus.text("country") != Some(&destination);
    let code = if exempt || is_export {
        None
    } else {
        code_of(view, nexus.text("country"))
    };
    let rate = code.and_then(|c| number_of(c.1, "rate")).unwrap_or_default();
    let tax_type = code
        .and_then(|c| text_of(c.1, "taxType"))
        .unwrap_or("Exempt")
        .to_owned();
    Ok(Taxation {
        nexus: nexus.id.clone(),
        code: code.map(|c| c.0.to_owned()),
        rate,
        tax_type,
    })
}

fn code_of<'a>(view: View<'a>, country: Option<&str>) -> Option<(&'a str, &'a Fields)> {
    let codes = in_order(view.tables, "salesTaxItem");
    codes
        .into_iter()
        .find(|c| c.text("nexusCountry") == country)
        .map(|c| (c.id.as_str(), &c.fields))
}

fn destination(fields: &Fields, customer: &Fields) -> Option<String> {
    let on = |name: &str| fields.get(name)?.get("country")?.as_str().map(str::to_owned);
    let book = lines_of(customer, "addressBook");
    let default = |flag: &str| {
        let entry = book.iter().find(|entry| flag_of(entry, flag))?;
        entry
            .get("addressBookAddress")?
            .get("country")?
            .as_str()
            .map(str::to_owned)
    };
    on("shippingAddress")
        .or_else(|| default("defaultShipping"))
        .or_else(|| on("billingAddress"))
        .or_else(|| default("defaultBilling"))
}
