//! Money, rates and currencies. No floating point, no implicit rounding.

use std::fmt;
use std::str::FromStr;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Failure, Minutes, Result};

/// An ISO 4217 currency code, three capital letters, of the currencies listed by [`Currency::minor_units`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
pub struct Currency([u8; 3]);

/// Active ISO 4217 currencies whose minor unit is not the hundredth.
const NOT_HUNDREDTHS: [(&str, u32); 23] = [
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
];

/// Active ISO 4217 currencies with hundredths that professional-services firms invoice in.
const HUNDREDTHS: &str = "AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR \
JMD KES KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD \
PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD \
TWD TZS UAH USD UYU UZS VES WST XCD XOF XPF YER ZAR ZMW";

impl Currency {
    /// The US dollar.
    pub const USD: Currency = Currency(*b"USD");
    /// The euro.
    pub const EUR: Currency = Currency(*b"EUR");
    /// The pound sterling.
    pub const GBP: Currency = Currency(*b"GBP");

    /// The code, such as `EUR`.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits after the decimal point of the smallest unit that can be paid: 2 for EUR, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn minor_units(&self) -> u32 {
        NOT_HUNDREDTHS
            .iter()
            .find(|(code, _)| *code == self.code())
            .map_or(2, |(_, units)| *units)
    }
}

impl FromStr for Currency {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self> {
        let known = (text.len() == 3 && HUNDREDTHS.split(' ').any(|c| c == text))
            || NOT_HUNDREDTHS.iter().any(|(code, _)| *code == text)
            || text == "XPF";
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if known => Ok(Self(code)),
            _ => Err(Failure::business(
                "unknown_currency",
                format!("{text:?} is not an ISO 4217 currency that Fairlead knows"),
            )),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = Failure;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Where a rounding happens: named, so that every lost half cent has a place in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// Half away from zero, the rule of commercial invoices.
    HalfUp,
    /// Half to even, for statistics over many amounts.
    HalfEven,
    /// Towards zero, for caps that must not be passed.
    Down,
}

impl Rounding {
    fn strategy(self) -> RoundingStrategy {
        match self {
            Self::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Self::HalfEven => RoundingStrategy::MidpointNearestEven,
            Self::Down => RoundingStrategy::ToZero,
        }
    }
}

/// An amount in a currency. The amount may carry more digits than the currency's minor unit until it is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Decimal text, such as `"1234.50"`.
    #[schema(value_type = String, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "1234.50")]
    pub amount: Decimal,
    /// ISO 4217 code.
    pub currency: Currency,
}

impl Money {
    /// An amount in a currency.
    #[must_use]
    pub fn new(amount: Decimal, currency: Currency) -> Self {
        Self { amount, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self {
            amount: Decimal::ZERO,
            currency,
        }
    }

    /// From a whole number of the currency's minor units: 12345 cents are 123.45 EUR, 12345 yen are 12345 JPY.
    #[must_use]
    pub fn from_minor(minor: i64, currency: Currency) -> Self {
        Self {
            amount: Decimal::new(minor, currency.minor_units()),
            currency,
        }
    }

    /// The sum of two amounts of one currency.
    ///
    /// # Errors
    /// Fault `currency_mismatch` where the currencies differ; Fault `amount_overflow` where the sum does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self> {
        self.same_currency(other)?;
        self.amount
            .checked_add(other.amount)
            .map(|amount| Self { amount, ..self })
            .ok_or_else(overflow)
    }

    /// The difference of two amounts of one currency.
    ///
    /// # Errors
    /// As [`Money::checked_add`].
    pub fn checked_sub(self, other: Self) -> Result<Self> {
        self.checked_add(Self {
            amount: -other.amount,
            ..other
        })
    }

    /// The sum of many amounts; zero of `currency` for none.
    ///
    /// # Errors
    /// As [`Money::checked_add`].
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Self> {
        amounts
            .into_iter()
            .try_fold(Self::zero(currency), Self::checked_add)
    }

    /// Rounded to the currency's minor unit.
    #[must_use]
    pub fn rounded(self, rounding: Rounding) -> Self {
        Self {
            amount: self
                .amount
                .round_dp_with_strategy(self.currency.minor_units(), rounding.strategy()),
            ..self
        }
    }

    /// Converted at `rate` units of `to` for one unit of this currency, not rounded.
    ///
    /// # Errors
    /// Fault `amount_overflow` where the product does not fit.
    pub fn converted(self, rate: Decimal, to: Currency) -> Result<Self> {
        self.amount
            .checked_mul(rate)
            .map(|amount| Self { amount, currency: to })
            .ok_or_else(overflow)
    }

    fn same_currency(self, other: Self) -> Result<()> {
        if self.currency == other.currency {
            return Ok(());
        }
        let text = format!(
            "{} and {} cannot be added without an exchange rate",
            self.currency, other.currency
        );
        Err(Failure::fault("currency_mismatch", text))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

fn overflow() -> Failure {
    Failure::fault(
        "amount_overflow",
        "an amount is larger than any that Fairlead can hold exactly",
    )
}

/// What a rate is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RatePer {
    /// One hour.
    Hour,
    /// One day of the person's working calendar.
    Day,
}

/// A price for time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// The price of one unit.
    pub money: Money,
    /// The unit.
    pub per: RatePer,
}

impl Rate {
    /// The price of `minutes` at this rate, a day being `minutes_per_day`, rounded half up to the minor unit: this is
    /// the place where time becomes money.
    ///
    /// # Errors
    /// Fault `amount_overflow`; Fault `empty_day` where a daily rate meets a day of no minutes.
    pub fn price(&self, minutes: Minutes, minutes_per_day: Minutes) -> Result<Money> {
        let unit = match self.per {
            RatePer::Hour => Decimal::from(60),
            RatePer::Day => minutes_per_day.decimal(),
        };
        let exact = self
            .money
            .amount
            .checked_mul(minutes.decimal())
            .ok_or_else(overflow)?;
        let amount = exact
            .checked_div(unit)
            .ok_or_else(|| Failure::fault("empty_day", "a working day has no minutes"))?;
        Ok(Money {
            amount,
            currency: self.money.currency,
        }
        .rounded(Rounding::HalfUp))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn minor_units_follow_the_currency() {
        let yen: Currency = "JPY".parse().unwrap();
        assert_eq!(Money::from_minor(12345, yen).to_string(), "12345 JPY");
        assert_eq!(Money::from_minor(12345, Currency::EUR).to_string(), "123.45 EUR");
        assert!("XXX".parse::<Currency>().is_err() && "eur".parse::<Currency>().is_err());
    }

    #[test]
    fn twenty_minutes_at_an_hourly_rate_round_half_up_once() {
        let rate = Rate {
            money: Money::new(dec!(100.015), Currency::EUR),
            per: RatePer::Hour,
        };
        assert_eq!(
            rate.price(Minutes::new(60), Minutes::new(480)).unwrap().amount,
            dec!(100.02)
        );
        assert_eq!(
            rate.price(Minutes::new(20), Minutes::new(480)).unwrap().amount,
            dec!(33.34)
        );
    }

    #[test]
    fn two_currencies_are_never_added() {
        let failure = Money::zero(Currency::EUR)
            .checked_add(Money::zero(Currency::USD))
            .unwrap_err();
        assert_eq!(failure.code, "currency_mismatch");
    }
}
