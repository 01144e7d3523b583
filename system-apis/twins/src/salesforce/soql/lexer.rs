//! Splits a query into tokens.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::Refusal;
use super::dates::instant;

/// One token and the byte offset where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: usize,
}

/// Kinds of token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Keyword, name or dotted path.
    Word(String),
    Text(String),
    Number(Decimal),
    Date(NaiveDate),
    DateTime(DateTime<Utc>),
    /// `(`, `)`, `,`, `:` or a comparison operator.
    Sign(&'static str),
    End,
}

impl Kind {
    /// How a message names the token.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(text) | Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Date(date) => date.to_string(),
            Self::DateTime(at) => at.to_rfc3339(),
            Self::Sign(sign) => (*sign).to_owned(),
            Self::End => "<EOF>".to_owned(),
        }
    }
}

const SIGNS: [&str; 12] = ["!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", ",", ":", "*"];

pub(super) fn tokens(query: &str) -> Result<Vec<Token>, Refusal> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = query.get(at..).filter(|r| !r.is_empty()) {
        let Some(first) = rest.chars().next() else { break };
        let (kind, length) = if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        } else if first == '\'' {
            text(rest, at)?
        } else if first.is_ascii_digit() || (matches!(first, '-' | '+' | '.') && starts_number(rest)) {
            number_or_date(rest, at)?
        } else if first.is_alphabetic() || first == '_' {
            let length = rest
                .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.')
                .unwrap_or(rest.len());
            (
                Kind::Word(rest.get(..length).unwrap_or_default().to_owned()),
                length,
            )
        } else if let Some(sign) = SIGNS.into_iter().find(|s| rest.starts_with(s)) {
            (Kind::Sign(sign), sign.len())
        } else {
            return Err(Refusal::malformed(format!("unexpected token: '{first}'"), at));
        };
        tokens.push(Token { kind, at });
        at += length;
    }
    tokens.push(Token {
        kind: Kind::End,
        at: query.len(),
    });
    Ok(tokens)
}

fn starts_number(rest: &str) -> bool {
    rest.chars()
        .nth(1)
        .is_some_and(|c| c.is_ascii_digit() || c == '.')
}

/// A quoted text with its escapes. `\_` and `\%` stay escaped: they mean something to LIKE.
fn text(rest: &str, at: usize) -> Result<(Kind, usize), Refusal> {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((offset, c)) = chars.next() {
        match c {
            '\'' => return Ok((Kind::Text(value), offset + 1)),
            '\\' => match chars.next() {
                Some((_, 'n' | 'N')) => value.push('\n'),
                Some((_, 'r' | 'R')) => value.push('\r'),
                Some((_, 't' | 'T')) => value.push('\t'),
                Some((_, 'b' | 'B')) => value.push('\u{8}'),
                Some((_, 'f' | 'F')) => value.push('\u{c}'),
                Some((_, c @ ('_' | '%'))) => value.extend(['\\', c]),
                Some((_, c @ ('\'' | '"' | '\\'))) => value.push(c),
                Some((offset, c)) => {
                    return Err(Refusal::malformed(
                        format!("Invalid string literal '\\{c}'. Illegal character sequence"),
                        at + offset,
                    ));
                }
                None => break,
            },
            _ => value.push(c),
        }
    }
    Err(Refusal::malformed("unterminated string literal", at))
}

fn number_or_date(rest: &str, at: usize) -> Result<(Kind, usize), Refusal> {
    let part_of = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '+' | '.');
    let length = rest.find(|c: char| !part_of(c)).unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    let kind = if let Ok(number) = text.parse::<Decimal>() {
        Some(Kind::Number(number))
    } else if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        Some(Kind::Date(date))
    } else {
        instant(text).map(Kind::DateTime)
    };
    match kind {
        Some(kind) => Ok((kind, length)),
        None => Err(Refusal::malformed(format!("unexpected token: '{text}'"), at)),
    }
}
