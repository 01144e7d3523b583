//! Functions and operators of SuiteQL.

use std::cmp::Ordering;

use chrono::{Duration, NaiveDateTime, NaiveTime};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::syntax::Operator;
use super::value::{Cell, format_time, parse_time, user_date};
use crate::netsuite::settings::DateFormat;

const KNOWN: [&str; 24] = [
    "BUILTIN.DF",
    "TO_DATE",
    "TO_TIMESTAMP",
    "TO_CHAR",
    "TO_NUMBER",
    "NVL",
    "NVL2",
    "NULLIF",
    "COALESCE",
    "UPPER",
    "LOWER",
    "TRIM",
    "LENGTH",
    "SUBSTR",
    "REPLACE",
    "CONCAT",
    "ROUND",
    "TRUNC",
    "ABS",
    "SYSDATE",
    "CURRENT_DATE",
    "CURRENT_TIMESTAMP",
    "DECODE",
    "ADD_MONTHS",
];

/// Whether a function is known.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Whether an operator makes a value rather than a condition.
pub(super) fn is_arithmetic(operator: Operator) -> bool {
    use Operator::{Add, Concatenate, Divide, Multiply, Subtract};
    matches!(operator, Add | Subtract | Multiply | Divide | Concatenate)
}

/// Calls a function.
pub(super) fn call(
    name: &str,
    cells: &[Cell],
    now: NaiveDateTime,
    format: DateFormat,
) -> Result<Cell, String> {
    let at = |n: usize| cells.get(n).unwrap_or(&Cell::Null);
    let text = |n: usize| at(n).shown(format);
    let number = |n: usize| at(n).number();
    let on_text = |f: &dyn Fn(String) -> String| text(0).map_or(Cell::Null, |t| Cell::Text(f(t)));
    let places = || number(1).and_then(|n| n.to_u32()).unwrap_or(0);
    Ok(match name {
        "TO_DATE" | "TO_TIMESTAMP" => match at(0) {
            Cell::Text(value) => Cell::Time(to_time(name, value, text(1).as_deref(), format)?),
            other => other.clone(),
        },
        "TO_CHAR" => match at(0) {
            Cell::Time(time) => text(1).map_or_else(
                || at(0).shown(format).map_or(Cell::Null, Cell::Text),
                |f| Cell::Text(format_time(*time, &f)),
            ),
            _ => text(0).map_or(Cell::Null, Cell::Text),
        },
        "TO_NUMBER" => match (at(0), number(0)) {
            (Cell::Null, _) => Cell::Null,
            (_, Some(n)) => Cell::Number(n),
            _ => return Err("Search error occurred: Invalid number.".to_owned()),
        },
        "NVL" | "COALESCE" => cells.iter().find(|c| !c.is_null()).cloned().unwrap_or(Cell::Null),
        "NVL2" => at(if at(0).is_null() { 2 } else { 1 }).clone(),
        "NULLIF" if at(0).compare(at(1), format) == Some(Ordering::Equal) => Cell::Null,
        "NULLIF" => at(0).clone(),
        "DECODE" => decode(cells, format),
        "UPPER" => on_text(&|t| t.to_uppercase()),
        "LOWER" => on_text(&|t| t.to_lowercase()),
        "TRIM" => on_text(&|t| t.trim().to_owned()),
        "REPLACE" => on_text(&|t| t.replace(&text(1).unwrap_or_default(), &text(2).unwrap_or_default())),
        "CONCAT" => Cell::Text(text(0).unwrap_or_default() + &text(1).unwrap_or_default()),
        "LENGTH" => text(0).map_or(Cell::Null, |t| Cell::Number(Decimal::from(t.chars().count()))),
        "SUBSTR" => {
            let start = number(1).and_then(|n| n.to_usize()).unwrap_or(1).max(1) - 1;
            let length = number(2).map_or(usize::MAX, |n| n.to_usize().unwrap_or(0));
            on_text(&|t| t.chars().skip(start).take(length).collect())
        }
        "ROUND" => number(0).map_or(Cell::Null, |n| {
            Cell::Number(crate::netsuite::value::round(n, places()))
        }),
        "TRUNC" => match at(0) {
            Cell::Time(time) => Cell::Time(time.date().and_time(NaiveTime::MIN)),
            _ => number(0).map_or(Cell::Null, |n| Cell::Number(n.trunc_with_scale(places()))),
        },
        "ABS" => number(0).map_or(Cell::Null, |n| Cell::Number(n.abs())),
        "ADD_MONTHS" => match (at(0), number(1).and_then(|n| n.to_i32())) {
            (Cell::Time(time), Some(months)) => add_months(*time, months).map_or(Cell::Null, Cell::Time),
            _ => Cell::Null,
        },
        "CURRENT_DATE" | "SYSDATE" | "CURRENT_TIMESTAMP" => Cell::Time(now),
        _ => {
            return Err(format!(
                "Invalid or unsupported search: Unknown function '{name}'."
            ));
        }
    })
}

fn add_months(time: NaiveDateTime, months: i32) -> Option<NaiveDateTime> {
    let span = chrono::Months::new(months.unsigned_abs());
    if months < 0 {
        time.checked_sub_months(span)
    } else {
        time.checked_add_months(span)
    }
}

fn to_time(name: &str, text: &str, format: Option<&str>, user: DateFormat) -> Result<NaiveDateTime, String> {
    let parsed = match format {
        Some(format) => parse_time(text, format),
        None => user_date(text, user),
    };
    parsed.ok_or_else(|| format!("Search error occurred: {name} cannot read '{text}'."))
}

fn decode(cells: &[Cell], format: DateFormat) -> Cell {
    let Some((subject, rest)) = cells.split_first() else {
        return Cell::Null;
    };
    let mut pairs = rest.chunks(2);
    let same = |key: &Cell| {
        (subject.is_null() && key.is_null()) || subject.compare(key, format) == Some(Ordering::Equal)
    };
    let found = pairs.find_map(|pair| match pair {
        [key, value] => same(key).then(|| value.clone()),
        [otherwise] => Some(otherwise.clone()),
        _ => None,
    });
    found.unwrap_or(Cell::Null)
}

/// Computes `+ - * / ||`.
pub(super) fn arithmetic(
    operator: Operator,
    left: &Cell,
    right: &Cell,
    format: DateFormat,
) -> Result<Cell, String> {
    if operator == Operator::Concatenate {
        let show = |c: &Cell| c.shown(format).unwrap_or_default();
        return Ok(Cell::Text(show(left) + &show(right)));
    }
    if left.is_null() || right.is_null() {
        return Ok(Cell::Null);
    }
    if let (Cell::Time(time), Some(days)) = (left, right.number()) {
        let seconds = (days * Decimal::from(86_400)).to_i64().unwrap_or_default();
        let sign = if operator == Operator::Subtract { -1 } else { 1 };
        return Ok(Cell::Time(*time + Duration::seconds(sign * seconds)));
    }
    if let (Cell::Time(a), Cell::Time(b), Operator::Subtract) = (left, right, operator) {
        let days = Decimal::from((*a - *b).num_seconds()) / Decimal::from(86_400);
        return Ok(Cell::Number(days));
    }
    let (Some(a), Some(b)) = (left.number(), right.number()) else {
        return Err("Search error occurred: Invalid number.".to_owned());
    };
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        _ => a.checked_div(b),
    };
    result
        .map(Cell::Number)
        .ok_or_else(|| "Search error occurred: Division by zero or numeric overflow.".to_owned())
}

/// Computes an aggregate over values that are not null.
pub(super) fn aggregate(name: &str, cells: Vec<Cell>, format: DateFormat) -> Cell {
    let count = Decimal::from(cells.len());
    let sum = || cells.iter().filter_map(Cell::number).sum::<Decimal>();
    match name {
        "COUNT" => Cell::Number(count),
        _ if cells.is_empty() => Cell::Null,
        "SUM" => Cell::Number(sum()),
        "AVG" => Cell::Number(sum() / count),
        "MAX" => cells
            .into_iter()
            .max_by(|a, b| a.order(b, format))
            .unwrap_or(Cell::Null),
        _ => cells
            .into_iter()
            .min_by(|a, b| a.order(b, format))
            .unwrap_or(Cell::Null),
    }
}

/// `LIKE` with `%` and `_`; case matters.
pub(super) fn like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut in_pattern) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(in_pattern) {
            Some('%') => {
                star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(c) if *c == '_' || text.get(at) == Some(c) => {
                at += 1;
                in_pattern += 1;
            }
            _ => match star {
                Some((of_star, from)) => {
                    in_pattern = of_star + 1;
                    at = from + 1;
                    star = Some((of_star, at));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(in_pattern).all(|c| *c == '%')
}
