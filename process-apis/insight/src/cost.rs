//! What posted work cost: the person's cost rate on the day, in the currency of the project. Pure.

use std::collections::BTreeMap;

use canonical_model::{CostRate, Currency, FxRate, Money, Rounding, WorkPosted};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::facts::Facts;
use crate::kpi::Costs;

/// A working day of rates per day.
const WORKING_DAY: canonical_model::Minutes = canonical_model::Minutes::new(8 * 60);

/// What people cost, and what currencies are worth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rates {
    /// Cost rates by e-mail address in lower case, the earliest first.
    pub people: BTreeMap<String, Vec<CostRate>>,
    /// Exchange rates, in any order.
    pub fx: Vec<FxRate>,
}

impl Rates {
    /// The cost rate of a person on a day.
    #[must_use]
    pub fn of(&self, person: &str, on: NaiveDate) -> Option<&CostRate> {
        let rates = self.people.get(&person.to_lowercase())?;
        rates
            .iter()
            .rev()
            .find(|rate| rate.effective_from.is_none_or(|from| from <= on))
    }

    /// Units of `to` for one unit of `from` on a day: the newest rate up to that day, or one over the inverse rate.
    #[must_use]
    pub fn exchange(&self, from: Currency, to: Currency, on: NaiveDate) -> Option<Decimal> {
        if from == to {
            return Some(Decimal::ONE);
        }
        let newest = |a: Currency, b: Currency| {
            let rates = self
                .fx
                .iter()
                .filter(|r| r.from == a && r.to == b && r.effective_from <= on);
            rates
                .max_by_key(|r| r.effective_from)
                .map(|r| r.rate)
                .filter(|rate| !rate.is_zero())
        };
        newest(from, to).or_else(|| newest(to, from).map(|rate| Decimal::ONE / rate))
    }
}

/// The cost of every posted line whose rate is known, rounded half up to the minor unit of the project's currency. A line
/// whose rate or exchange rate is not known has no entry: margins then leave its cost out, and its lineage shows it.
#[must_use]
pub fn of_posted_work(facts: &Facts, rates: &Rates) -> Costs {
    let currencies: BTreeMap<_, _> = facts
        .activated
        .iter()
        .map(|f| (f.data.scope.project_id, f.data.budget.currency))
        .collect();
    let by_line = facts
        .posted
        .iter()
        .filter_map(|told| {
            let currency = *currencies.get(&told.data.scope.project_id)?;
            Some((told.data.line_id, of_line(&told.data, rates, currency)?))
        })
        .collect();
    Costs { by_line }
}

fn of_line(work: &WorkPosted, rates: &Rates, currency: Currency) -> Option<Money> {
    let cost = match work.spent {
        Some(spent) => spent,
        None => rates
            .of(&work.person, work.date)?
            .rate
            .price(work.minutes, WORKING_DAY)
            .ok()?,
    };
    let exchange = rates.exchange(cost.currency, currency, work.date)?;
    Some(cost.converted(exchange, currency).ok()?.rounded(Rounding::HalfUp))
}

#[cfg(test)]
mod tests {
    use super::*;
    use canonical_model::{Rate, RatePer, RecordRef};
    use rust_decimal::dec;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn rates() -> Rates {
        let cost = |amount, from: Option<&str>| CostRate {
            person: RecordRef::id("7"),
            rate: Rate {
                money: Money::new(amount, Currency::EUR),
                per: RatePer::Hour,
            },
            effective_from: from.map(day),
        };
        let fx = |rate, from: &str| FxRate {
            from: Currency::EUR,
            to: Currency::USD,
            rate,
            effective_from: day(from),
        };
        Rates {
            people: BTreeMap::from([(
                "anna@firm.example".to_owned(),
                vec![cost(dec!(80), None), cost(dec!(90), Some("2026-11-01"))],
            )]),
            fx: vec![fx(dec!(1.10), "2026-01-01"), fx(dec!(1.25), "2026-11-15")],
        }
    }

    #[test]
    fn a_rate_holds_from_its_day_on() {
        let rates = rates();
        let on = |text: &str| {
            rates
                .of("Anna@Firm.example", day(text))
                .map(|r| r.rate.money.amount)
        };
        assert_eq!(
            (on("2026-10-31"), on("2026-11-01")),
            (Some(dec!(80)), Some(dec!(90)))
        );
        assert_eq!(rates.of("nobody@firm.example", day("2026-11-01")), None);
    }

    #[test]
    fn currencies_convert_at_the_rate_of_the_day_in_both_directions() {
        let rates = rates();
        let rate = |from, to, text: &str| rates.exchange(from, to, day(text));
        assert_eq!(rate(Currency::EUR, Currency::USD, "2026-11-14"), Some(dec!(1.10)));
        assert_eq!(rate(Currency::USD, Currency::EUR, "2026-11-20"), Some(dec!(0.8)));
        assert_eq!(rate(Currency::EUR, Currency::GBP, "2026-11-20"), None);
        assert_eq!(rate(Currency::EUR, Currency::USD, "2025-12-31"), None);
    }
}
