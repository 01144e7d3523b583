//! The frame that finance sets: legal entities, periods, tax codes, exchange rates. All read only.

use async_trait::async_trait;
use canonical_model::{FindBy, FxRate, LegalEntity, Period, Resource, Result, TaxCode, Write, Written};
use system_ports::{Filter, Verb, not_supported};

use super::{Noun, Shared, Table, VENDOR, Writing, plain};
use crate::directory::Lookups;
use crate::mapping::finance::{
    PERIOD_COLUMNS, RATE_COLUMNS, TAX_COLUMNS, to_fx_rate, to_legal_entity, to_period, to_tax_code,
};
use crate::wire::Record;

plain!(
    /// Subsidiaries.
    LegalEntities,
    /// Accounting periods.
    Periods,
    /// Tax codes.
    TaxCodes,
    /// Exchange rates.
    FxRates,
);

fn owned(columns: &[&str]) -> Option<Vec<String>> {
    Some(columns.iter().map(|column| (*column).to_owned()).collect())
}

fn refused<T: Resource>() -> Result<Written> {
    Err(not_supported(VENDOR, T::NAME, Verb::Write))
}

#[async_trait]
impl Noun for LegalEntities {
    type Record = LegalEntity;
    type Extra = ();
    const OBJECT: &'static str = "subsidiary";

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            name: "subsidiary",
            condition: None,
            columns: None,
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Name]
    }

    fn condition(&self, _: FindBy) -> Option<String> {
        Some("(LOWER(name) = LOWER(?) OR LOWER(legalname) = LOWER(?))".to_owned())
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, LegalEntity)>> {
        Ok(vec![(None, to_legal_entity(record, lookups)?)])
    }

    async fn write_one(&self, _: &Write<LegalEntity>) -> Result<Written> {
        refused::<LegalEntity>()
    }
}

#[async_trait]
impl Noun for Periods {
    type Record = Period;
    type Extra = ();
    const OBJECT: &'static str = "accountingPeriod";
    const IN_RECORD_SERVICE: bool = false;

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        // Quarters and years hold periods; only months take postings.
        let condition = Some("isposting = 'T'".to_owned());
        let filters = vec![(Filter::Date, "startdate")];
        Table {
            name: "accountingperiod",
            condition,
            columns: owned(&PERIOD_COLUMNS),
            filters,
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Name]
    }

    fn condition(&self, _: FindBy) -> Option<String> {
        Some("LOWER(periodname) = LOWER(?)".to_owned())
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, _: &Lookups, _: &()) -> Result<Vec<(Option<u32>, Period)>> {
        Ok(vec![(None, to_period(record)?)])
    }

    async fn write_one(&self, _: &Write<Period>) -> Result<Written> {
        refused::<Period>()
    }
}

#[async_trait]
impl Noun for TaxCodes {
    type Record = TaxCode;
    type Extra = ();
    const OBJECT: &'static str = "salesTaxItem";
    const IN_RECORD_SERVICE: bool = false;

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        Table {
            name: "salestaxitem",
            condition: None,
            columns: owned(&TAX_COLUMNS),
            filters: Vec::new(),
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        vec![FindBy::Code, FindBy::Name]
    }

    fn condition(&self, _: FindBy) -> Option<String> {
        Some("LOWER(itemid) = LOWER(?)".to_owned())
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, _: &Lookups, _: &()) -> Result<Vec<(Option<u32>, TaxCode)>> {
        Ok(vec![(None, to_tax_code(record)?)])
    }

    async fn write_one(&self, _: &Write<TaxCode>) -> Result<Written> {
        refused::<TaxCode>()
    }
}

#[async_trait]
impl Noun for FxRates {
    type Record = FxRate;
    type Extra = ();
    const OBJECT: &'static str = "currencyRate";
    const IN_RECORD_SERVICE: bool = false;

    fn shared(&self) -> &Shared {
        &self.0
    }

    fn table(&self) -> Table {
        let filters = vec![(Filter::Date, "effectivedate")];
        Table {
            name: "currencyrate",
            condition: None,
            columns: owned(&RATE_COLUMNS),
            filters,
        }
    }

    fn find_by(&self) -> Vec<FindBy> {
        Vec::new()
    }

    fn condition(&self, _: FindBy) -> Option<String> {
        None
    }

    fn writing(&self) -> Option<Writing> {
        None
    }

    fn map(&self, record: &Record, lookups: &Lookups, _: &()) -> Result<Vec<(Option<u32>, FxRate)>> {
        Ok(vec![(None, to_fx_rate(record, lookups)?)])
    }

    async fn write_one(&self, _: &Write<FxRate>) -> Result<Written> {
        refused::<FxRate>()
    }
}
