//! The frame that finance sets: legal entities, periods, tax codes, exchange rates. All read only.

use std::collections::BTreeMap;

use async_trait::async_trait;
use canonical_model::{FindBy, FxRate, LegalEntity, Period, Resource, Result, TaxCode, Write, Written};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use system_ports::{Filter, Verb, not_supported};

use super::{By, Noun, Shared, Table, VENDOR, Writing, alike, loosely, plain};
use crate::client::Search;
use crate::directory::Lookups;
use crate::mapping::finance::{Rates, to_fx_rate, to_legal_entity, to_period, to_tax_code};
use crate::wire::{Record, date};

plain!(
    /// Companies.
    LegalEntities,
    /// Accounting periods.
    Periods,
    /// Taxes.
    TaxCodes,
    /// Exchange rates.
    FxRates,
);

fn refused<T: Resource>() -> Result<Written> {
    Err(not_supported(VENDOR, T::NAME, Verb::Write))
}

#[async_trait]
impl Noun for LegalEntities {
    type Record = LegalEntity;
    type Extra = ();
    const MODEL: &'static str = "company.company";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: Vec::new(),
            fields: vec![
                "party.name",
                "party.addresses.country",
                "party.identifiers.type",
                "party.identifiers.code",
                "currency",
            ],
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Name]
    }

    fn condition(&self, _: FindBy, value: &str) -> Vec<Value> {
        vec![json!(["party.name", "ilike", loosely(value)])]
    }

    fn matches(&self, record: &Record, _: FindBy, value: &str) -> bool {
        alike(record.text("party.name"), value)
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Option<LegalEntity>> {
        to_legal_entity(record, lookups).map(Some)
    }

    async fn write_one(&self, _: &Write<LegalEntity>) -> Result<Written> {
        refused::<LegalEntity>()
    }
}

#[async_trait]
impl Noun for Periods {
    type Record = Period;
    type Extra = ();
    const MODEL: &'static str = "account.period";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        // Adjustment periods lie within others and take no invoices.
        Table {
            domain: vec![json!(["type", "=", "standard"])],
            fields: vec!["name", "start_date", "end_date", "state"],
            filters: vec![Filter::Date],
        }
    }

    fn filter(&self, by: By<'_>) -> Result<Value> {
        Ok(match by {
            By::From(day) => json!(["start_date", ">=", date(day)]),
            By::To(day) => json!(["start_date", "<=", date(day)]),
            _ => json!([]),
        })
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Name]
    }

    fn condition(&self, _: FindBy, value: &str) -> Vec<Value> {
        vec![json!(["name", "ilike", loosely(value)])]
    }

    fn matches(&self, record: &Record, _: FindBy, value: &str) -> bool {
        alike(record.text("name"), value)
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, _: &Lookups, _: &()) -> Result<Option<Period>> {
        to_period(record).map(Some)
    }

    async fn write_one(&self, _: &Write<Period>) -> Result<Written> {
        refused::<Period>()
    }
}

#[async_trait]
impl Noun for TaxCodes {
    type Record = TaxCode;
    type Extra = ();
    const MODEL: &'static str = "account.tax";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        // Taxes that are made of others, and fixed amounts, are no percentage.
        Table {
            domain: vec![json!(["type", "=", "percentage"]), json!(["parent", "=", null])],
            fields: vec!["name", "rate"],
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Code, FindBy::Name]
    }

    fn condition(&self, _: FindBy, value: &str) -> Vec<Value> {
        vec![json!(["name", "ilike", loosely(value)])]
    }

    fn matches(&self, record: &Record, _: FindBy, value: &str) -> bool {
        alike(record.text("name"), value)
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Option<TaxCode>> {
        to_tax_code(record, lookups).map(Some)
    }

    async fn write_one(&self, _: &Write<TaxCode>) -> Result<Written> {
        refused::<TaxCode>()
    }
}

#[async_trait]
impl Noun for FxRates {
    type Record = FxRate;
    type Extra = Rates;
    const MODEL: &'static str = "currency.currency.rate";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            domain: Vec::new(),
            fields: vec!["currency", "rate", "date"],
            filters: vec![Filter::Date],
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        Vec::new()
    }

    fn condition(&self, _: FindBy, _: &str) -> Vec<Value> {
        Vec::new()
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    /// The rates of the company's own currency: Tryton gives all rates against one currency that it does not name.
    async fn extra(&self, _: &[Record]) -> Result<Rates> {
        let lookups = self.0.directory.current(&self.0.client).await?;
        let fields = ["rate".to_owned(), "date".to_owned()];
        let search = Search {
            model: Self::MODEL,
            domain: vec![json!(["currency.code", "=", lookups.company_currency])],
            order: &["date"],
            limit: None,
            fields: &fields,
        };
        let mut rates: BTreeMap<NaiveDate, Decimal> = BTreeMap::new();
        for row in self.0.client.search_read(search).await?.rows {
            rates.insert(row.day("date")?, row.amount("rate")?);
        }
        Ok(rates)
    }

    fn map(&self, record: &Record, lookups: &Lookups, rates: &Rates) -> Result<Option<FxRate>> {
        to_fx_rate(record, lookups, rates)
    }

    async fn write_one(&self, _: &Write<FxRate>) -> Result<Written> {
        refused::<FxRate>()
    }
}
