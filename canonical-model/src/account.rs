//! Companies we sell to, and the people there.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use crate::{Currency, Money, RecordRef, Resource};

/// A company that buys: an account in the CRM, a customer in the ERP, a client in the PSA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Legal or trading name.
    #[validate(length(min = 1, max = 255))]
    #[schema(min_length = 1, max_length = 255, example = "Helios Energy GmbH")]
    pub name: String,
    /// The account it belongs to in a group of companies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<RecordRef>,
    /// Web site; its domain is one of the things by which golden records are matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub website: Option<String>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// E-mail address for invoices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Tax registrations, one a country.
    #[serde(default)]
    #[validate(nested)]
    pub tax_registrations: Vec<TaxRegistration>,
    /// Where invoices go; its country decides the tax nexus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(nested)]
    pub billing_address: Option<Address>,
    /// Payment terms, by the name that the system knows them by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment_terms: Option<RecordRef>,
    /// The legal entity that sells to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<RecordRef>,
    /// The currency that it is invoiced in unless a contract says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// What finance knows about it; set on the CRM's account by the loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub financials: Option<AccountFinancials>,
}

impl Resource for Account {
    const NAME: &'static str = "account";
    const PATH: &'static str = "accounts";
}

/// A registration of a company with a tax authority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TaxRegistration {
    /// ISO 3166 alpha-2 country.
    #[validate(custom(function = "check_country"))]
    #[schema(pattern = "^[A-Z]{2}$", example = "DE")]
    pub country: String,
    /// The number, as the company prints it.
    #[validate(length(min = 1, max = 40))]
    #[schema(min_length = 1, max_length = 40, example = "DE123456789")]
    pub number: String,
}

/// A postal address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Street lines, at most three.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Town or city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// State, province or county.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// ISO 3166 alpha-2 country.
    #[validate(custom(function = "check_country"))]
    #[schema(pattern = "^[A-Z]{2}$", example = "DE")]
    pub country: String,
}

fn check_country(country: &str) -> Result<(), ValidationError> {
    if country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(ValidationError::new("country").with_message("is an ISO 3166 code of two capital letters".into()))
}

/// How an account stands with finance, as sales sees it on the CRM's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountFinancials {
    /// Status of the newest open invoice, or `paid` when none is open.
    #[schema(example = "paid")]
    pub invoice_status: String,
    /// Net of all invoices less credit notes.
    pub billed_to_date: Money,
    /// Payments received, gross.
    pub collected_to_date: Money,
    /// Days sales outstanding, see the KPI of that name; absent where nothing was billed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "31.5")]
    pub dso_days: Option<Decimal>,
    /// Margin of all its projects in percent of revenue; absent where there is no revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "42.10")]
    pub margin_percent: Option<Decimal>,
    /// The day these figures are of.
    pub as_of: NaiveDate,
}

/// A person at an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// Given name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    /// Family name.
    #[validate(length(min = 1, max = 80))]
    #[schema(min_length = 1, max_length = 80, example = "Lindqvist")]
    pub last_name: String,
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Telephone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Job title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The account.
    pub account: RecordRef,
}

impl Resource for Contact {
    const NAME: &'static str = "contact";
    const PATH: &'static str = "contacts";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(country: &str, number: &str) -> Account {
        let registration = TaxRegistration {
            country: country.to_owned(),
            number: number.to_owned(),
        };
        Account {
            name: "Helios Energy GmbH".to_owned(),
            parent: None,
            website: None,
            phone: None,
            email: None,
            tax_registrations: vec![registration],
            billing_address: None,
            payment_terms: None,
            legal_entity: None,
            currency: None,
            financials: None,
        }
    }

    #[test]
    fn what_the_contract_does_not_allow_in_a_tax_registration_is_refused() {
        assert!(account("DE", "DE 811 907 980").validate().is_ok());
        assert!(account("DE", &"0".repeat(41)).validate().is_err());
        assert!(account("DE", "").validate().is_err());
        assert!(account("Germany", "DE811907980").validate().is_err());
    }
}
