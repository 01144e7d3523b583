//! Legal entities, periods, tax codes, exchange rates.

use std::collections::BTreeMap;

use canonical_model::{Failure, FxRate, LegalEntity, Period, PeriodState, Result, TaxCode};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::directory::Lookups;
use crate::wire::Record;

use super::account::registration;

/// Rates of the company's own currency, by the day from which they hold.
pub(crate) type Rates = BTreeMap<NaiveDate, Decimal>;

/// A company. Its country is that of its first address that has one. It is registered for tax there, and wherever its
/// party has a tax identifier.
pub(crate) fn to_legal_entity(record: &Record, lookups: &Lookups) -> Result<LegalEntity> {
    let country = lookups
        .company_country(record)
        .ok_or_else(|| record.unmapped("party", "give the company's party an address with a country"))?;
    let mut nexuses = vec![country.clone()];
    let registered = record.many("party.identifiers")?;
    nexuses.extend(registered.iter().filter_map(registration).map(|r| r.country));
    nexuses.sort();
    nexuses.dedup();
    Ok(LegalEntity {
        name: record
            .text("party.name")
            .ok_or_else(|| record.bad("party.name"))?,
        nexuses,
        country,
        currency: lookups.currency(record, "currency")?,
        active: true,
    })
}

/// A period. What is closed can be opened again, what is locked cannot; neither takes postings.
pub(crate) fn to_period(record: &Record) -> Result<Period> {
    let state = match record.text("state").as_deref() {
        Some("open") => PeriodState::Open,
        Some("closed" | "locked") => PeriodState::Closed,
        _ => return Err(record.unmapped("state", "open, closed and locked are known")),
    };
    Ok(Period {
        name: record.text("name").ok_or_else(|| record.bad("name"))?,
        start_date: record.day("start_date")?,
        end_date: record.day("end_date")?,
        state,
    })
}

/// A tax. Tryton's taxes are those of the company's country.
pub(crate) fn to_tax_code(record: &Record, lookups: &Lookups) -> Result<TaxCode> {
    Ok(TaxCode {
        name: record.text("name").ok_or_else(|| record.bad("name"))?,
        country: lookups.country.clone().ok_or_else(|| {
            let message = "the company has no country in Tryton: give its party an address with one";
            Failure::fault("unmapped_value", message)
        })?,
        percent: (record.amount("rate")? * Decimal::ONE_HUNDRED).normalize(),
    })
}

/// An exchange rate: one unit of a currency in that of the company. Tryton has units of it for one of the currency that
/// all rates are given against; `None` for the company's own currency.
pub(crate) fn to_fx_rate(record: &Record, lookups: &Lookups, own: &Rates) -> Result<Option<FxRate>> {
    let (from, to) = (lookups.currency(record, "currency")?, lookups.own_currency()?);
    if from == to {
        return Ok(None);
    }
    let day = record.day("date")?;
    let base = own
        .range(..=day)
        .next_back()
        .map_or(Decimal::ONE, |(_, rate)| *rate);
    let rate = base
        .checked_div(record.amount("rate")?)
        .ok_or_else(|| record.bad("rate"))?;
    Ok(Some(FxRate {
        from,
        to,
        rate: rate.round_dp(10).normalize(),
        effective_from: day,
    }))
}

#[cfg(test)]
mod tests {
    use rust_decimal::dec;
    use serde_json::json;

    use super::*;
    use crate::mapping::tests::{day, decimal, lookups, record};

    #[test]
    fn a_period_that_is_closed_or_locked_takes_no_postings() {
        let period = |state: &str| {
            to_period(&record(json!({
                "id": 1, "name": "2026-11", "start_date": day("2026-11-01"), "end_date": day("2026-11-30"), "state": state
            })))
        };
        assert_eq!(period("open").unwrap().state, PeriodState::Open);
        assert_eq!(period("closed").unwrap().state, PeriodState::Closed);
        assert_eq!(period("locked").unwrap().state, PeriodState::Closed);
        assert_eq!(period("half").unwrap_err().code, "unmapped_value");
    }

    #[test]
    fn a_rate_is_turned_round_and_measured_in_the_companys_currency() {
        let row = record(json!({
            "id": 1, "currency": 2, "rate": decimal("1.25"), "date": day("2026-09-01")
        }));
        let rate = |own: Rates| to_fx_rate(&row, &lookups(), &own).unwrap().unwrap();
        assert_eq!(rate(Rates::new()).rate, dec!(0.8));
        let own = Rates::from([
            ("2026-01-01".parse().unwrap(), dec!(2)),
            ("2026-10-01".parse().unwrap(), dec!(9)),
        ]);
        let seen = rate(own);
        assert_eq!(
            (seen.from.code(), seen.to.code(), seen.rate),
            ("USD", "EUR", dec!(1.6))
        );
        let euro = record(json!({"id": 1, "currency": 1, "rate": decimal("1"), "date": day("2026-09-01")}));
        assert_eq!(to_fx_rate(&euro, &lookups(), &Rates::new()).unwrap(), None);
        let odd = record(json!({"id": 1, "currency": 8, "rate": decimal("1"), "date": day("2026-09-01")}));
        assert_eq!(
            to_fx_rate(&odd, &lookups(), &Rates::new()).unwrap_err().code,
            "unmapped_currency"
        );
    }
}
