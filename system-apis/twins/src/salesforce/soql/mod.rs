//! SOQL: from the text of a query to rows.
//!
//! [`lexer`] and [`parser`] know the language, [`plan`] resolves names against the schema, [`run`] evaluates over
//! the store. Left out: TYPEOF, FORMAT, convertCurrency, distance, data categories, ROLLUP and CUBE.

pub(super) mod ast;
pub(super) mod dates;
mod lexer;
mod parser;
pub(super) mod plan;
mod refusals;
mod run;
mod test;

pub(super) use parser::parse;
pub(super) use run::{Children, Over, Row, run, table};

use super::errors::ApiError;

/// Why a query is refused, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
    /// Byte offset in the query; `None` where the vendor shows no excerpt.
    pub(super) at: Option<usize>,
}

impl Refusal {
    pub(super) fn malformed(message: impl Into<String>, at: usize) -> Self {
        Self {
            code: "MALFORMED_QUERY",
            message: message.into(),
            at: Some(at),
        }
    }

    pub(super) fn plain(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            at: None,
        }
    }

    /// The answer: an excerpt of the query with a caret under the place, then the text.
    pub(super) fn answer(&self, query: &str) -> ApiError {
        let Some(at) = self.at else {
            return ApiError::new(400, self.code, self.message.clone());
        };
        let before = query.get(..at).unwrap_or(query);
        let row = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        let column = query.get(line_start..at).map_or(0, |t| t.chars().count());
        let line: Vec<char> = query
            .get(line_start..)
            .unwrap_or("")
            .lines()
            .next()
            .unwrap_or("")
            .chars()
            .collect();
        let from = column.saturating_sub(40);
        let excerpt: String = line.iter().skip(from).take(80).collect();
        let caret = " ".repeat(column - from);
        let column = column + 1;
        let message = format!(
            "\n{excerpt}\n{caret}^\nERROR at Row:{row}:Column:{column}\n{}",
            self.message
        );
        ApiError::new(400, self.code, message)
    }
}
