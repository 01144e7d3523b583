//! Legal entities, periods, tax codes, exchange rates.

use canonical_model::{FxRate, LegalEntity, Period, PeriodState, Result, TaxCode};

use crate::directory::Lookups;
use crate::wire::Record;

/// A subsidiary with the countries where it is registered for tax.
pub(crate) fn to_legal_entity(record: &Record, lookups: &Lookups) -> Result<LegalEntity> {
    let registrations = record.lines("taxRegistration")?;
    let mut nexuses: Vec<String> = registrations
        .iter()
        .filter_map(|line| line.text("nexusCountry"))
        .collect();
    nexuses.sort();
    nexuses.dedup();
    let name = record.text("legalName").or_else(|| record.text("name"));
    Ok(LegalEntity {
        name: name.ok_or_else(|| record.bad("name"))?,
        country: record.text("country").ok_or_else(|| record.bad("country"))?,
        currency: lookups.currency(record, "currency")?,
        nexuses,
        active: !record.flag("isInactive"),
    })
}

/// The columns of a period.
pub(crate) const PERIOD_COLUMNS: [&str; 6] = [
    "periodname",
    "TO_CHAR(startdate, 'YYYY-MM-DD') AS startdate",
    "TO_CHAR(enddate, 'YYYY-MM-DD') AS enddate",
    "closed",
    "arlocked",
    "alllocked",
];

/// A period. One that is locked for everything takes no postings, closed or not.
pub(crate) fn to_period(record: &Record) -> Result<Period> {
    let state = if record.flag("closed") || record.flag("alllocked") {
        PeriodState::Closed
    } else if record.flag("arlocked") {
        PeriodState::Locked
    } else {
        PeriodState::Open
    };
    Ok(Period {
        name: record
            .text("periodName")
            .ok_or_else(|| record.bad("periodName"))?,
        start_date: record.day("startDate")?,
        end_date: record.day("endDate")?,
        state,
    })
}

/// The columns of a tax code.
pub(crate) const TAX_COLUMNS: [&str; 3] = ["itemid", "rate", "nexuscountry"];

/// A tax code.
pub(crate) fn to_tax_code(record: &Record) -> Result<TaxCode> {
    Ok(TaxCode {
        name: record.text("itemId").ok_or_else(|| record.bad("itemId"))?,
        country: record
            .text("nexusCountry")
            .ok_or_else(|| record.bad("nexusCountry"))?,
        percent: record.amount("rate")?,
    })
}

/// The columns of an exchange rate.
pub(crate) const RATE_COLUMNS: [&str; 4] = [
    "basecurrency",
    "transactioncurrency",
    "exchangerate",
    "TO_CHAR(effectivedate, 'YYYY-MM-DD') AS effectivedate",
];

/// An exchange rate: one unit of the transaction's currency in the base currency.
pub(crate) fn to_fx_rate(record: &Record, lookups: &Lookups) -> Result<FxRate> {
    Ok(FxRate {
        from: lookups.currency(record, "transactionCurrency")?,
        to: lookups.currency(record, "baseCurrency")?,
        rate: record.amount("exchangeRate")?,
        effective_from: record.day("effectiveDate")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::mapping::tests::record;

    #[test]
    fn a_period_that_is_locked_for_all_takes_no_postings() {
        let period = |closed: &str, receivables: &str, all: &str| {
            let row = json!({
                "id": "1", "periodname": "Nov 2026", "startdate": "2026-11-01", "enddate": "2026-11-30", "closed": closed,
                "arlocked": receivables, "alllocked": all
            });
            to_period(&record(row)).unwrap().state
        };
        assert_eq!(period("F", "F", "F"), PeriodState::Open);
        assert_eq!(period("F", "T", "F"), PeriodState::Locked);
        assert_eq!(period("F", "T", "T"), PeriodState::Closed);
        assert_eq!(period("T", "T", "T"), PeriodState::Closed);
    }
}
