//! Values of SuiteQL: null, text, number, time; how they compare and how they are written.

use std::cmp::Ordering;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;

use crate::netsuite::settings::DateFormat;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Text(String),
    Number(Decimal),
    Time(NaiveDateTime),
}

impl Cell {
    /// A day without a time.
    pub(super) fn day(day: NaiveDate) -> Self {
        Cell::Time(day.and_time(NaiveTime::MIN))
    }

    /// `T` or `F`.
    pub(super) fn flag(value: bool) -> Self {
        Cell::Text(if value { "T" } else { "F" }.to_owned())
    }

    /// A number where the text is one, otherwise the text.
    pub(super) fn id(text: &str) -> Self {
        text.parse()
            .map_or_else(|_| Cell::Text(text.to_owned()), Cell::Number)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    /// The value as a result shows it; `None` is left out of the row. Times show their date only: whoever wants more
    /// must ask with `TO_CHAR`.
    pub(super) fn shown(&self, format: DateFormat) -> Option<String> {
        match self {
            Cell::Null => None,
            Cell::Text(text) => Some(text.clone()),
            Cell::Number(number) => Some(number.normalize().to_string()),
            Cell::Time(time) => Some(match format {
                DateFormat::MonthDayYear => time.format("%-m/%-d/%Y").to_string(),
                DateFormat::DayMonthYear => time.format("%d.%m.%Y").to_string(),
            }),
        }
    }

    /// The value as a number.
    pub(super) fn number(&self) -> Option<Decimal> {
        match self {
            Cell::Number(number) => Some(*number),
            Cell::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// What equal values have in common, for grouping.
    pub(super) fn key(&self) -> String {
        match self {
            Cell::Null => String::new(),
            Cell::Time(time) => time.to_string(),
            Cell::Text(text) => format!("'{text}"),
            Cell::Number(number) => number.normalize().to_string(),
        }
    }

    /// What values have in common that compare as equal, a number and its text included.
    pub(super) fn join_key(&self) -> String {
        self.number()
            .map_or_else(|| self.key(), |n| n.normalize().to_string())
    }

    /// Compares two values; `None` where one is null or they have nothing in common.
    pub(super) fn compare(&self, other: &Self, format: DateFormat) -> Option<Ordering> {
        match (self, other) {
            (Cell::Null, _) | (_, Cell::Null) => None,
            (Cell::Text(a), Cell::Text(b)) => Some(a.cmp(b)),
            (Cell::Time(a), Cell::Time(b)) => Some(a.cmp(b)),
            (Cell::Time(a), Cell::Text(b)) => Some(a.cmp(&user_date(b, format)?)),
            (Cell::Text(a), Cell::Time(b)) => Some(user_date(a, format)?.cmp(b)),
            (a, b) => Some(a.number()?.cmp(&b.number()?)),
        }
    }

    /// The order in which results are sorted: nulls last.
    pub(super) fn order(&self, other: &Self, format: DateFormat) -> Ordering {
        match (self.is_null(), other.is_null()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => self
                .compare(other, format)
                .unwrap_or_else(|| self.key().cmp(&other.key())),
        }
    }
}

/// A date literal in the user's own form.
pub(super) fn user_date(text: &str, format: DateFormat) -> Option<NaiveDateTime> {
    let form = match format {
        DateFormat::MonthDayYear => "%m/%d/%Y",
        DateFormat::DayMonthYear => "%d.%m.%Y",
    };
    NaiveDate::parse_from_str(text.trim(), form)
        .ok()
        .map(|d| d.and_time(NaiveTime::MIN))
}

/// The elements of a `TO_CHAR` / `TO_DATE` format, longest first.
const ELEMENTS: [(&str, &str); 12] = [
    ("YYYY", "%Y"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("MON", "%b"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH", "%I"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("YY", "%y"),
];

/// Translates an Oracle date format; `xFF` is the fraction of a second.
fn pattern(format: &str, fraction: &str) -> String {
    let mut pattern = String::new();
    let mut rest = format;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let inner = rest.get(1..).unwrap_or_default();
            let (literal, after) = inner.split_once('"').unwrap_or((inner, ""));
            pattern.push_str(&literal.replace('%', "%%"));
            rest = after;
            continue;
        }
        let upper = rest.to_uppercase();
        if let Some(marker) = ["XFF9", "XFF6", "XFF3", "XFF"]
            .into_iter()
            .find(|m| upper.starts_with(m))
        {
            pattern.push_str(fraction);
            rest = rest.get(marker.len()..).unwrap_or_default();
        } else if let Some(marker) = [".FF9", ".FF6", ".FF3", ".FF"]
            .into_iter()
            .find(|m| upper.starts_with(m))
        {
            pattern.push_str(fraction);
            rest = rest.get(marker.len()..).unwrap_or_default();
        } else if let Some((element, code)) = ELEMENTS.into_iter().find(|(e, _)| upper.starts_with(e)) {
            pattern.push_str(code);
            rest = rest.get(element.len()..).unwrap_or_default();
        } else {
            if first == '%' {
                pattern.push('%');
            }
            pattern.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    pattern
}

/// `TO_DATE`, `TO_TIMESTAMP`.
pub(super) fn parse_time(text: &str, format: &str) -> Option<NaiveDateTime> {
    let pattern = pattern(format, "%.f");
    NaiveDateTime::parse_from_str(text, &pattern).ok().or_else(|| {
        NaiveDate::parse_from_str(text, &pattern)
            .ok()
            .map(|d| d.and_time(NaiveTime::MIN))
    })
}

/// `TO_CHAR` of a time.
pub(super) fn format_time(time: NaiveDateTime, format: &str) -> String {
    time.format(&pattern(format, "%.6f")).to_string()
}
