//! The `q` parameter of collections: a small grammar of field, operator and value.
//!
//! After "record collection filtering" of the REST guide. Date literals follow the user's preference, which no API
//! tells; a literal in another form is refused with the text that names the form.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;

use super::errors::{Answer, Refusal};
use super::schema::{Kind, RecordType};
use super::settings::{DateFormat, NetSuiteSettings};
use super::value::{date, decimal, flag_of, minutes, text_of};
use crate::store::Record;

/// A parsed condition.
pub(super) enum Filter {
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Test {
        field: String,
        test: Test,
        negated: bool,
    },
}

/// One comparison.
pub(super) enum Test {
    Empty,
    Flag(bool),
    Number(Comparison, Vec<Decimal>),
    Text(Match, Vec<String>),
    Time(Comparison, Vec<NaiveDateTime>, bool),
}

/// How numbers and times compare.
#[derive(Clone, Copy)]
pub(super) enum Comparison {
    AnyOf,
    Between,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How texts compare.
#[derive(Clone, Copy)]
pub(super) enum Match {
    Is,
    Contain,
    StartWith,
    EndWith,
}

struct Parser<'a> {
    words: Vec<Word>,
    at: usize,
    record: &'a RecordType,
    settings: &'a NetSuiteSettings,
}

#[derive(Clone, PartialEq)]
enum Word {
    Open,
    Close,
    /// A bare word.
    Bare(String),
    /// A quoted text.
    Quoted(String),
    /// `[a, b]`
    List(Vec<String>),
}

impl Filter {
    /// Parses `q`.
    pub(super) fn parse(q: &str, record: &RecordType, settings: &NetSuiteSettings) -> Answer<Self> {
        let mut parser = Parser {
            words: words(q)?,
            at: 0,
            record,
            settings,
        };
        let filter = parser.any()?;
        match parser.next() {
            None => Ok(filter),
            Some(_) => Err(bad("Invalid search query: unexpected text after the condition.")),
        }
    }

    /// Whether a record meets the condition.
    pub(super) fn matches(&self, row: &Record) -> bool {
        match self {
            Filter::And(all) => all.iter().all(|f| f.matches(row)),
            Filter::Or(any) => any.iter().any(|f| f.matches(row)),
            Filter::Test { field, test, negated } => test.holds(row, field) != *negated,
        }
    }
}

impl Test {
    fn holds(&self, row: &Record, field: &str) -> bool {
        let text = || match field {
            "id" => Some(row.id.as_str()),
            _ => text_of(&row.fields, field),
        };
        match self {
            Test::Empty => field != "id" && row.get(field).is_null(),
            Test::Flag(wanted) => flag_of(&row.fields, field) == *wanted,
            Test::Number(comparison, values) => {
                let number = match text() {
                    Some(text) => text
                        .parse()
                        .ok()
                        .or_else(|| minutes(text).map(|m| Decimal::from(m) / Decimal::from(60))),
                    None => decimal(row.get(field)),
                };
                number.is_some_and(|n| comparison.holds(&n, values))
            }
            Test::Text(how, values) => text().is_some_and(|t| values.iter().any(|v| how.holds(t, v))),
            Test::Time(comparison, values, whole_day) => {
                let time = match field {
                    "lastModifiedDate" => Some(row.changed_at.naive_utc()),
                    "dateCreated" | "createdDate" => Some(row.created_at.naive_utc()),
                    _ => text().and_then(date).map(|d| d.and_time(NaiveTime::MIN)),
                };
                time.map(|t| {
                    if *whole_day {
                        t.date().and_time(NaiveTime::MIN)
                    } else {
                        t
                    }
                })
                .is_some_and(|t| comparison.holds(&t, values))
            }
        }
    }
}

impl Comparison {
    fn holds<T: PartialOrd>(self, value: &T, against: &[T]) -> bool {
        let Some(first) = against.first() else {
            return false;
        };
        match self {
            Comparison::AnyOf => against.contains(value),
            Comparison::Between => value >= first && against.get(1).is_some_and(|second| value <= second),
            Comparison::Less => value < first,
            Comparison::LessOrEqual => value <= first,
            Comparison::Greater => value > first,
            Comparison::GreaterOrEqual => value >= first,
        }
    }
}

impl Match {
    fn holds(self, text: &str, pattern: &str) -> bool {
        let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
        match self {
            Match::Is => text == pattern,
            Match::Contain => text.contains(&pattern),
            Match::StartWith => text.starts_with(&pattern),
            Match::EndWith => text.ends_with(&pattern),
        }
    }
}

impl Parser<'_> {
    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word
    }

    fn take(&mut self, keyword: &str) -> bool {
        let found = matches!(self.words.get(self.at), Some(Word::Bare(w)) if w.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn any(&mut self) -> Answer<Filter> {
        let mut any = vec![self.all()?];
        while self.take("OR") {
            any.push(self.all()?);
        }
        Ok(Filter::Or(any))
    }

    fn all(&mut self) -> Answer<Filter> {
        let mut all = vec![self.one()?];
        while self.take("AND") {
            all.push(self.one()?);
        }
        Ok(Filter::And(all))
    }

    fn one(&mut self) -> Answer<Filter> {
        match self.next() {
            Some(Word::Open) => {
                let inner = self.any()?;
                match self.next() {
                    Some(Word::Close) => Ok(inner),
                    _ => Err(bad("Invalid search query: a closing parenthesis is missing.")),
                }
            }
            Some(Word::Bare(field)) => self.test(field),
            _ => Err(bad("Invalid search query: a field name is expected.")),
        }
    }

    fn test(&mut self, field: String) -> Answer<Filter> {
        let kind = match field.as_str() {
            "id" => Kind::Number,
            "externalId" => Kind::Text,
            "lastModifiedDate" => Kind::DateTime,
            _ => match self.record.shape.fields.get(&field) {
                Some(known) => known.kind.clone(),
                None => {
                    return Err(bad(format!(
                        "Invalid search query: Field '{field}' was not found."
                    )));
                }
            },
        };
        let Some(Word::Bare(operator)) = self.next() else {
            return Err(bad(format!(
                "Invalid search query: an operator is expected after '{field}'."
            )));
        };
        let operator = operator.to_uppercase();
        let (name, negated) = match operator.strip_suffix("_NOT") {
            Some(name) => (name.to_owned(), true),
            None => (operator.clone(), false),
        };
        if name == "EMPTY" {
            return Ok(Filter::Test {
                field,
                test: Test::Empty,
                negated,
            });
        }
        let values = match self.next() {
            Some(Word::Bare(value) | Word::Quoted(value)) => vec![value],
            Some(Word::List(values)) => values,
            _ => {
                return Err(bad(format!(
                    "Invalid search query: a value is expected after '{operator}'."
                )));
            }
        };
        let test = self.comparison(&kind, &name, values)?.ok_or_else(|| {
            bad(format!(
                "Invalid search query: the operator '{operator}' cannot be used with the field '{field}'."
            ))
        })?;
        Ok(Filter::Test { field, test, negated })
    }

    fn comparison(&self, kind: &Kind, operator: &str, values: Vec<String>) -> Answer<Option<Test>> {
        Ok(match kind {
            Kind::Bool if operator == "IS" => {
                values.first().map(|v| Test::Flag(v.eq_ignore_ascii_case("true")))
            }
            Kind::Number | Kind::Integer | Kind::Hours | Kind::Reference(_) => {
                let Some(comparison) = numeric(operator) else {
                    return Ok(None);
                };
                let numbers = values.iter().map(|v| v.parse::<Decimal>());
                let numbers: Result<Vec<_>, _> = numbers.collect();
                Some(Test::Number(
                    comparison,
                    numbers.map_err(|_| bad("Invalid search query: a number is expected."))?,
                ))
            }
            Kind::Text | Kind::Enumeration | Kind::Country => {
                textual(operator).map(|how| Test::Text(how, values))
            }
            Kind::Date | Kind::DateTime => {
                let Some(comparison) = temporal(operator) else {
                    return Ok(None);
                };
                let parsed: Answer<Vec<(NaiveDateTime, bool)>> =
                    values.iter().map(|v| self.time(v)).collect();
                let parsed = parsed?;
                let whole_day = parsed.iter().all(|(_, timed)| !timed);
                Some(Test::Time(
                    comparison,
                    parsed.into_iter().map(|(t, _)| t).collect(),
                    whole_day,
                ))
            }
            _ => None,
        })
    }

    fn time(&self, text: &str) -> Answer<(NaiveDateTime, bool)> {
        let (days, shown) = match self.settings.date_format {
            DateFormat::MonthDayYear => ("%m/%d/%Y", "MM/dd/yy"),
            DateFormat::DayMonthYear => ("%d.%m.%Y", "dd.MM.yy"),
        };
        let offset = chrono::Duration::minutes(i64::from(self.settings.utc_offset_minutes));
        for clock in ["%I:%M %p", "%H:%M"] {
            if let Ok(time) = NaiveDateTime::parse_from_str(text, &format!("{days} {clock}")) {
                return Ok((time - offset, true));
            }
        }
        NaiveDate::parse_from_str(text, days)
            .map(|day| (day.and_time(NaiveTime::MIN), false))
            .map_err(|_| {
                bad(format!(
                    "Parse of date/time \"{text}\" failed with date format \"{shown}\" in time zone {}",
                    self.settings.time_zone
                ))
            })
    }
}

fn numeric(operator: &str) -> Option<Comparison> {
    Some(match operator {
        "ANY_OF" | "EQUAL" => Comparison::AnyOf,
        "BETWEEN" | "WITHIN" => Comparison::Between,
        "GREATER" => Comparison::Greater,
        "GREATER_OR_EQUAL" => Comparison::GreaterOrEqual,
        "LESS" => Comparison::Less,
        "LESS_OR_EQUAL" => Comparison::LessOrEqual,
        _ => return None,
    })
}

fn textual(operator: &str) -> Option<Match> {
    Some(match operator {
        "IS" | "ANY_OF" => Match::Is,
        "CONTAIN" => Match::Contain,
        "START_WITH" => Match::StartWith,
        "ENDWITH" | "END_WITH" => Match::EndWith,
        _ => return None,
    })
}

fn temporal(operator: &str) -> Option<Comparison> {
    Some(match operator {
        "ON" => Comparison::AnyOf,
        "AFTER" => Comparison::Greater,
        "BEFORE" => Comparison::Less,
        "ON_OR_AFTER" => Comparison::GreaterOrEqual,
        "ON_OR_BEFORE" => Comparison::LessOrEqual,
        _ => return None,
    })
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::invalid_parameter("q", text)
}

fn words(q: &str) -> Answer<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = q.trim_start();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '(' => (Word::Open, rest.get(1..)),
            ')' => (Word::Close, rest.get(1..)),
            '"' => {
                let inner = rest.get(1..).unwrap_or_default();
                let end = inner
                    .find('"')
                    .ok_or_else(|| bad("Invalid search query: a quotation mark is missing."))?;
                (
                    Word::Quoted(inner.get(..end).unwrap_or_default().to_owned()),
                    inner.get(end + 1..),
                )
            }
            '[' => {
                let end = rest
                    .find(']')
                    .ok_or_else(|| bad("Invalid search query: a bracket is missing."))?;
                let inner = rest.get(1..end).unwrap_or_default();
                let list = inner
                    .split(',')
                    .map(|v| v.trim().trim_matches('"').to_owned())
                    .collect();
                (Word::List(list), rest.get(end + 1..))
            }
            _ => {
                let end = rest
                    .find(|c: char| c.is_whitespace() || c == '(' || c == ')')
                    .unwrap_or(rest.len());
                (
                    Word::Bare(rest.get(..end).unwrap_or_default().to_owned()),
                    rest.get(end..),
                )
            }
        };
        words.push(word);
        rest = after.unwrap_or_default().trim_start();
    }
    Ok(words)
}
