//! Pure functions between Salesforce's records and canonical ones: no clock, no I/O.

pub(crate) mod account;
pub(crate) mod assignment;
pub(crate) mod contact;
pub(crate) mod contract;
mod countries;
pub(crate) mod invoice;
pub(crate) mod opportunity;

use canonical_model::{BillingMethod, Currency, Failure, Money, RecordRef, Result};
use rust_decimal::Decimal;

use crate::settings::{FieldName, Settings};
use crate::wire::{Fields, Record};

pub(crate) use countries::is_code as is_country;

/// The field that says a record's currency in an org with several.
pub(crate) const CURRENCY: &str = "CurrencyIsoCode";

/// A record's currency.
pub(crate) fn currency(record: &Record, settings: &Settings) -> Result<Currency> {
    if !settings.multi_currency {
        return settings.corporate_currency.ok_or_else(|| {
            Failure::fault(
                "corporate_currency_missing",
                "the settings of an org with one currency do not name it",
            )
        });
    }
    let code = record.text(CURRENCY)?;
    let code = record.needed(CURRENCY, code)?;
    code.parse().map_err(|failure: Failure| {
        let message = format!(
            "record {} in Salesforce is in {code}: {}",
            record.id().unwrap_or_default(),
            failure.message
        );
        Failure { message, ..failure }
    })
}

/// An amount with at least the digits of its currency's minor unit, so that 1500 EUR reads as 1500.00.
pub(crate) fn money(amount: Decimal, currency: Currency) -> Money {
    let mut amount = amount.normalize();
    if amount.scale() < currency.minor_units() {
        amount.rescale(currency.minor_units());
    }
    Money::new(amount, currency)
}

/// A customer's money field, in the record's currency.
pub(crate) fn custom_money(record: &Record, name: &FieldName, currency: Currency) -> Result<Option<Money>> {
    Ok(record.custom_decimal(name)?.map(|amount| money(amount, currency)))
}

/// The amount to write into a record of `currency`. Salesforce keeps no currency with an amount: another one would
/// silently become this one.
pub(crate) fn amount_in(currency: Currency, money: Money, what: &str) -> Result<Decimal> {
    if money.currency == currency {
        return Ok(money.amount);
    }
    let message = format!(
        "{what} is in {}, the record in Salesforce in {currency}: convert it first",
        money.currency
    );
    Err(Failure::business("currency_differs", message))
}

/// Sets the currency of a record that is written.
pub(crate) fn put_currency(fields: &mut Fields, settings: &Settings, currency: Currency) -> Result<()> {
    if settings.multi_currency {
        fields.put(CURRENCY, currency.code());
        return Ok(());
    }
    if settings.corporate_currency == Some(currency) {
        return Ok(());
    }
    let message = format!("this org keeps one currency and it is not {currency}");
    Err(Failure::business("currency_differs", message))
}

/// A lookup with the name of what it points to.
pub(crate) fn lookup(record: &Record, id_field: &str, label_path: &str) -> Result<Option<RecordRef>> {
    let Some(id) = record.text(id_field)? else {
        return Ok(None);
    };
    Ok(Some(RecordRef {
        id,
        label: record.text(label_path)?,
    }))
}

/// A text that stands for a record of the org's reference data.
pub(crate) fn named(text: Option<String>) -> Option<RecordRef> {
    text.map(|text| RecordRef::labelled(text.clone(), text))
}

fn id_of(reference: &Option<RecordRef>) -> Option<&str> {
    reference.as_ref().map(|r| r.id.as_str())
}

/// The canonical state behind one of the org's words.
pub(crate) fn state_of<S: Copy>(record: &Record, what: &str, word: &str, words: &[(S, &str)]) -> Result<S> {
    let found = words
        .iter()
        .find(|(_, known)| known.eq_ignore_ascii_case(word))
        .map(|(state, _)| *state);
    found.ok_or_else(|| {
        let message = format!(
            "record {} in Salesforce has {what} {word:?}, which this connection's settings map to nothing",
            record.id().unwrap_or_default()
        );
        Failure::fault("unmapped_value", message)
    })
}

/// The org's words for billing methods.
pub(crate) fn billing_words(settings: &Settings) -> [(BillingMethod, &str); 4] {
    let words = &settings.words.billing_method;
    [
        (BillingMethod::TimeAndMaterials, &words.time_and_materials),
        (BillingMethod::FixedFee, &words.fixed_fee),
        (BillingMethod::Milestone, &words.milestone),
        (BillingMethod::Retainer, &words.retainer),
    ]
}

/// The org's word for a state.
pub(crate) fn word_of<'w, S: Copy + PartialEq>(state: S, words: &[(S, &'w str)]) -> &'w str {
    words
        .iter()
        .find(|(known, _)| *known == state)
        .map_or("", |(_, word)| word)
}

/// A title of at most 80 characters, the length of Salesforce's record names.
fn title(text: &str) -> String {
    text.chars().take(80).collect()
}
