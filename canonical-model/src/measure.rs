//! Time worked, as whole minutes: the one form in which hours add up without loss.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A length of time worked or planned, in whole minutes. Negative in reversals.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
#[schema(value_type = i64, example = 450)]
pub struct Minutes(i64);

impl Minutes {
    /// The minutes of one calendar day.
    pub const DAY: Minutes = Minutes(24 * 60);

    /// So many minutes.
    #[must_use]
    pub const fn new(minutes: i64) -> Self {
        Self(minutes)
    }

    /// The number of minutes.
    #[must_use]
    pub const fn count(self) -> i64 {
        self.0
    }

    /// The number of minutes as a decimal, for arithmetic with rates.
    #[must_use]
    pub fn decimal(self) -> Decimal {
        Decimal::from(self.0)
    }

    /// Hours as a decimal with at most four digits: 450 minutes are 7.5. For display and for vendors that take decimal
    /// hours; sums are made of minutes, never of this.
    #[must_use]
    pub fn hours(self) -> Decimal {
        (Decimal::from(self.0) / Decimal::from(60))
            .round_dp(4)
            .normalize()
    }

    /// From decimal hours, to the nearest minute.
    #[must_use]
    pub fn from_hours(hours: Decimal) -> Option<Self> {
        use rust_decimal::prelude::ToPrimitive;
        hours.checked_mul(Decimal::from(60))?.round().to_i64().map(Self)
    }
}

impl Add for Minutes {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Minutes {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Minutes {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Minutes {
    fn sum<I: Iterator<Item = Self>>(minutes: I) -> Self {
        minutes.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Minutes {
    /// Hours and minutes, `7:30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let minutes = self.0.unsigned_abs();
        write!(f, "{sign}{}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::dec;

    #[test]
    fn the_longest_length_that_can_be_written_is_shown_too() {
        assert_eq!(Minutes::new(i64::MIN).to_string(), "-153722867280912930:08");
        assert_eq!(Minutes::new(-450).to_string(), "-7:30");
    }

    #[test]
    fn hours_come_and_go_without_loss_at_quarter_hours() {
        assert_eq!(Minutes::from_hours(dec!(7.25)), Some(Minutes::new(435)));
        assert_eq!(Minutes::new(435).hours(), dec!(7.25));
        assert_eq!(Minutes::new(-95).to_string(), "-1:35");
    }
}
