//! Currencies of a transaction: precision, rates, and the account's default ledger accounts.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::netsuite::references::{View, in_order};
use crate::netsuite::value::{date_of, number_of, round, text_of};
use crate::store::Fields;

/// Minor units of a currency.
pub(super) fn precision(view: View<'_>, currency: &str) -> u32 {
    let fields = view.fields("currency", currency);
    fields
        .and_then(|f| text_of(f, "currencyPrecision")?.parse().ok())
        .unwrap_or(2)
}

/// The currency in which a subsidiary keeps its books.
pub(super) fn base_currency(view: View<'_>, subsidiary: &str) -> String {
    let fields = view.fields("subsidiary", subsidiary);
    fields
        .and_then(|f| text_of(f, "currency"))
        .unwrap_or("1")
        .to_owned()
}

/// What one unit of a currency is worth in another on a day.
pub(super) fn exchange_rate(view: View<'_>, from: &str, to: &str, day: NaiveDate) -> Decimal {
    if from == to {
        return Decimal::ONE;
    }
    let quoted = |from: &str, to: &str| {
        let rates = view.tables.rows("currencyRate").filter(|r| {
            r.text("transactionCurrency") == Some(from)
                && r.text("baseCurrency") == Some(to)
                && date_of(&r.fields, "effectiveDate").is_some_and(|d| d <= day)
        });
        rates
            .max_by_key(|r| r.text("effectiveDate").unwrap_or_default().to_owned())
            .and_then(|r| number_of(&r.fields, "exchangeRate"))
    };
    let home = |currency: &str| {
        view.fields("currency", currency)
            .and_then(|f| number_of(f, "exchangeRate"))
            .unwrap_or(Decimal::ONE)
    };
    quoted(from, to).unwrap_or_else(|| round(home(from).checked_div(home(to)).unwrap_or(Decimal::ONE), 6))
}

/// The first active account of a type, one in the given currency before any other.
pub(super) fn account_of_type(view: View<'_>, account_type: &str, currency: &str) -> String {
    let accounts = in_order(view.tables, "account");
    let of_type: Vec<_> = accounts
        .into_iter()
        .filter(|a| a.text("acctType") == Some(account_type))
        .collect();
    let best = of_type
        .iter()
        .find(|a| a.text("currency") == Some(currency))
        .or_else(|| of_type.first());
    best.map(|a| a.id.clone()).unwrap_or_default()
}

/// The account to which the sale of an item is credited.
pub(super) fn income_account(view: View<'_>, item: Option<&str>) -> String {
    let own = item
        .and_then(|item| view.fields("serviceSaleItem", item))
        .and_then(|f| text_of(f, "incomeAccount"));
    own.map_or_else(|| account_of_type(view, "Income", ""), str::to_owned)
}

/// The currencies in which a customer may be billed.
pub(super) fn customer_currencies(customer: &Fields) -> Vec<String> {
    let list = crate::netsuite::value::lines_of(customer, "currencyList");
    let more = list.iter().filter_map(|line| text_of(line, "currency"));
    text_of(customer, "currency")
        .into_iter()
        .chain(more)
        .map(str::to_owned)
        .collect()
}
