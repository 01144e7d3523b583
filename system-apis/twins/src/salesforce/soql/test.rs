//! Decides whether a value meets a condition.

use std::cmp::Ordering;
use std::collections::HashSet;

use rust_decimal::Decimal;
use serde_json::Value;

use super::super::number::decimal;
use super::ast::Operator;
use super::plan::{Operand, Plan, Test, Wanted};

/// A value in comparable form; nulls first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(String),
}

impl Key {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Bool(truth) => Self::Bool(*truth),
            Value::Number(_) => decimal(value).map_or(Self::Null, Self::Number),
            Value::String(text) if !text.is_empty() => Self::Text(text.to_lowercase()),
            _ => Self::Null,
        }
    }
}

/// Where the values of a row (or of a group) come from.
pub(super) trait Source {
    fn value(&self, operand: &Operand<'_>) -> Value;
    /// The values that a sub-select yields.
    fn selected(&self, plan: &Plan<'_>) -> HashSet<Key>;
}

pub(super) fn meets(test: &Test<'_>, row: &dyn Source) -> bool {
    match test {
        Test::All(parts) => parts.iter().all(|p| meets(p, row)),
        Test::Any(parts) => parts.iter().any(|p| meets(p, row)),
        Test::Not(part) => !meets(part, row),
        Test::Compare {
            operand,
            operator,
            wanted,
        } => compare(&row.value(operand), *operator, wanted),
        Test::In {
            operand,
            negated,
            wanted,
        } => {
            let value = row.value(operand);
            wanted.iter().any(|w| compare(&value, Operator::Equal, w)) != *negated
        }
        Test::InQuery {
            operand,
            negated,
            plan,
            found,
        } => {
            let key = Key::of(&row.value(operand));
            let found = found.get_or_init(|| row.selected(plan));
            (key != Key::Null && found.contains(&key)) != *negated
        }
        Test::Includes {
            operand,
            negated,
            wanted,
        } => {
            let value = row.value(operand);
            let has: Vec<String> = value
                .as_str()
                .unwrap_or("")
                .split(';')
                .map(str::to_lowercase)
                .collect();
            // `'a;b'` asks for both, a list of values for any of them.
            let met = wanted
                .iter()
                .any(|w| w.split(';').all(|part| has.iter().any(|h| h == part)));
            met != *negated
        }
    }
}

fn compare(value: &Value, operator: Operator, wanted: &Wanted) -> bool {
    let ordering = match (value, wanted) {
        (Value::Null, Wanted::Null) => Some(Ordering::Equal),
        (Value::String(text), Wanted::Text(wanted)) if operator == Operator::Like => {
            return like(&text.to_lowercase(), wanted);
        }
        (Value::String(text), Wanted::Text(wanted)) => Some(text.to_lowercase().cmp(wanted)),
        // An empty text literal means null.
        (Value::Null, Wanted::Text(wanted)) if wanted.is_empty() => Some(Ordering::Equal),
        (Value::String(text), Wanted::Id(wanted) | Wanted::Stamp(wanted)) => Some(text.as_str().cmp(wanted)),
        (Value::String(text), Wanted::Span(from, until)) => {
            return in_span(text, operator, from, until);
        }
        (Value::Number(_), Wanted::Number(wanted)) => decimal(value).map(|d| d.cmp(wanted)),
        (Value::Bool(truth), Wanted::Bool(wanted)) => Some(truth.cmp(wanted)),
        _ => None,
    };
    match (operator, ordering) {
        (Operator::Equal, Some(ordering)) => ordering.is_eq(),
        (Operator::NotEqual, Some(ordering)) => ordering.is_ne(),
        (Operator::NotEqual, None) => true,
        (Operator::Less, Some(ordering)) => ordering.is_lt(),
        (Operator::LessOrEqual, Some(ordering)) => ordering.is_le(),
        (Operator::Greater, Some(ordering)) => ordering.is_gt(),
        (Operator::GreaterOrEqual, Some(ordering)) => ordering.is_ge(),
        (_, None) | (Operator::Like, _) => false,
    }
}

fn in_span(value: &str, operator: Operator, from: &str, until: &str) -> bool {
    match operator {
        Operator::Equal => value >= from && value < until,
        Operator::NotEqual => value < from || value >= until,
        Operator::Less => value < from,
        Operator::LessOrEqual => value < until,
        Operator::Greater => value >= until,
        Operator::GreaterOrEqual => value >= from,
        Operator::Like => false,
    }
}

/// `%` is any text, `_` any one character, a backslash takes the meaning away.
fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // What a position of the pattern accepts: one character, any character, or any text.
    enum Piece {
        One(char),
        Any,
        Rest,
    }
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '%' => Piece::Rest,
            '_' => Piece::Any,
            '\\' => Piece::One(chars.next().unwrap_or('\\')),
            c => Piece::One(c),
        });
    }
    // `reached` holds how many characters the pieces so far may have used.
    let mut reached = vec![false; text.len() + 1];
    if let Some(start) = reached.first_mut() {
        *start = true;
    }
    for piece in &pieces {
        let mut next = vec![false; text.len() + 1];
        let mut open = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let here = reached.get(at).copied().unwrap_or(false);
            let before = at
                .checked_sub(1)
                .and_then(|b| reached.get(b).copied())
                .unwrap_or(false);
            let previous = at.checked_sub(1).and_then(|b| text.get(b));
            open |= here;
            *slot = match piece {
                Piece::Rest => open,
                Piece::Any => before,
                Piece::One(c) => before && previous == Some(c),
            };
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_knows_its_wildcards_and_escapes() {
        assert!(like("northwind", "%wind%") && like("northwind", "north____") && like("", "%"));
        assert!(like("50% off", "50\\% %") && !like("500 off", "50\\% %"));
        assert!(!like("northwind", "north") && !like("north", "north_"));
    }

    #[test]
    fn a_null_is_unequal_to_everything_and_neither_less_nor_greater() {
        let wanted = Wanted::Number(Decimal::TEN);
        assert!(compare(&Value::Null, Operator::NotEqual, &wanted));
        assert!(!compare(&Value::Null, Operator::Less, &wanted));
        assert!(!compare(&Value::Null, Operator::GreaterOrEqual, &wanted));
        assert!(compare(&Value::Null, Operator::Equal, &Wanted::Null));
    }
}
