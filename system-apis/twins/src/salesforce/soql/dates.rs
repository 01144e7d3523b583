//! Date literals: the span of days that `TODAY`, `LAST_MONTH` or `NEXT_N_QUARTERS:2` stands for.
//!
//! Weeks begin on Sunday, fiscal periods are calendar periods (the org's fiscal year starts in January), and days
//! are those of the org's time zone, which is UTC.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};

/// Reads `YYYY-MM-DDThh:mm:ss[.SSS](Z|±hh:mm|±hhmm)`.
pub(in super::super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let upper = text.to_ascii_uppercase();
    let parsed = DateTime::parse_from_rfc3339(&upper)
        .or_else(|_| DateTime::parse_from_str(&upper, "%Y-%m-%dT%H:%M:%S%.f%z"));
    parsed.ok().map(|at| at.with_timezone(&Utc))
}

/// First day of a span and the first day after it.
pub(super) type Span = (NaiveDate, NaiveDate);

#[derive(Clone, Copy)]
enum Unit {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// The span of a literal as seen today; `None` where there is no such literal.
pub(super) fn span(name: &str, n: Option<u32>, today: NaiveDate) -> Option<Span> {
    let name = name.to_ascii_uppercase().replace("FISCAL_", "");
    match (name.as_str(), n) {
        ("YESTERDAY", None) => around(Unit::Day, today, -1, 1),
        ("TODAY", None) => around(Unit::Day, today, 0, 1),
        ("TOMORROW", None) => around(Unit::Day, today, 1, 1),
        ("LAST_90_DAYS", None) => Some((today.checked_sub_days(Days::new(90))?, today.succ_opt()?)),
        ("NEXT_90_DAYS", None) => around(Unit::Day, today, 1, 90),
        (_, None) => {
            let (which, unit) = name.split_once('_')?;
            let offset = match which {
                "LAST" => -1,
                "THIS" => 0,
                "NEXT" => 1,
                _ => return None,
            };
            around(named(unit, "")?, today, offset, 1)
        }
        (_, Some(n)) => counted(&name, i32::try_from(n).ok()?, today),
    }
}

fn counted(name: &str, n: i32, today: NaiveDate) -> Option<Span> {
    if let Some(unit) = name.strip_prefix("LAST_N_") {
        let unit = named(unit, "S")?;
        let (from, _) = around(unit, today, -n, 1)?;
        // The days form reaches to the end of today, the others to the end of the last whole period.
        let until = if matches!(unit, Unit::Day) {
            today.succ_opt()?
        } else {
            start(unit, today, 0)?
        };
        return Some((from, until));
    }
    if let Some(unit) = name.strip_prefix("NEXT_N_") {
        return around(named(unit, "S")?, today, 1, n);
    }
    let unit = name.strip_prefix("N_")?.strip_suffix("_AGO")?;
    around(named(unit, "S")?, today, -n, 1)
}

fn named(unit: &str, plural: &str) -> Option<Unit> {
    match unit.strip_suffix(plural)? {
        "DAY" => Some(Unit::Day),
        "WEEK" => Some(Unit::Week),
        "MONTH" => Some(Unit::Month),
        "QUARTER" => Some(Unit::Quarter),
        "YEAR" => Some(Unit::Year),
        _ => None,
    }
}

/// `count` units beginning `offset` units from the one that holds today.
fn around(unit: Unit, today: NaiveDate, offset: i32, count: i32) -> Option<Span> {
    Some((
        start(unit, today, offset)?,
        start(unit, today, offset.checked_add(count)?)?,
    ))
}

fn start(unit: Unit, today: NaiveDate, offset: i32) -> Option<NaiveDate> {
    match unit {
        Unit::Day => shift_days(today, i64::from(offset)),
        Unit::Week => {
            let into = i64::from(today.weekday().num_days_from_sunday());
            shift_days(today, i64::from(offset) * 7 - into)
        }
        Unit::Month => shift_months(today.with_day(1)?, offset),
        Unit::Quarter => {
            let first = today.with_day(1)?.with_month(today.month0() / 3 * 3 + 1)?;
            shift_months(first, offset.checked_mul(3)?)
        }
        Unit::Year => NaiveDate::from_ymd_opt(today.year().checked_add(offset)?, 1, 1),
    }
}

fn shift_days(date: NaiveDate, days: i64) -> Option<NaiveDate> {
    let count = Days::new(days.unsigned_abs());
    if days < 0 {
        date.checked_sub_days(count)
    } else {
        date.checked_add_days(count)
    }
}

fn shift_months(date: NaiveDate, months: i32) -> Option<NaiveDate> {
    let count = Months::new(months.unsigned_abs());
    if months < 0 {
        date.checked_sub_months(count)
    } else {
        date.checked_add_months(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_stand_for_whole_periods() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let today = day("2026-05-13");
        let cases = [
            ("TODAY", None, "2026-05-13", "2026-05-14"),
            ("this_week", None, "2026-05-10", "2026-05-17"),
            ("LAST_MONTH", None, "2026-04-01", "2026-05-01"),
            ("NEXT_QUARTER", None, "2026-07-01", "2026-10-01"),
            ("THIS_FISCAL_YEAR", None, "2026-01-01", "2027-01-01"),
            ("LAST_N_DAYS", Some(30), "2026-04-13", "2026-05-14"),
            ("NEXT_N_MONTHS", Some(2), "2026-06-01", "2026-08-01"),
            ("LAST_N_QUARTERS", Some(2), "2025-10-01", "2026-04-01"),
            ("N_DAYS_AGO", Some(3), "2026-05-10", "2026-05-11"),
        ];
        for (name, n, from, until) in cases {
            assert_eq!(span(name, n, today), Some((day(from), day(until))), "{name}");
        }
        assert_eq!(span("SOME_DAY", None, today), None);
        assert_eq!(span("LAST_N_DAYS", None, today), None);
    }
}
