//! Building SOQL: literals that cannot leave their quotes, patterns that match only what was meant.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

/// A text literal with its quotes.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", escaped(value))
}

fn escaped(value: &str) -> String {
    let mut literal = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => literal.push_str("\\\\"),
            '\'' => literal.push_str("\\'"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\0' => {}
            c => literal.push(c),
        }
    }
    literal
}

/// A `LIKE` pattern of literal parts with anything between them.
pub(crate) fn pattern<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let parts = parts
        .into_iter()
        .map(|part| escaped(part).replace('%', "\\%").replace('_', "\\_"));
    format!("'{}'", parts.collect::<Vec<_>>().join("%"))
}

/// An instant; unquoted, with milliseconds.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A day; unquoted.
pub(crate) fn date(day: NaiveDate) -> String {
    day.to_string()
}

/// Whether a text has the form of a record id.
pub(crate) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// The name of the hop behind a lookup: `AccountId` leads to `Account`, `Opportunity__c` to `Opportunity__r`.
pub(crate) fn hop(lookup: &str) -> String {
    match lookup.strip_suffix("__c") {
        Some(stem) => format!("{stem}__r"),
        None => lookup.strip_suffix("Id").unwrap_or(lookup).to_owned(),
    }
}

/// One query.
#[derive(Debug, Clone)]
pub(crate) struct Select<'a> {
    pub(crate) object: &'a str,
    pub(crate) columns: Vec<String>,
    pub(crate) conditions: Vec<String>,
    pub(crate) order: &'a str,
    pub(crate) limit: Option<u32>,
}

impl Select<'_> {
    pub(crate) fn soql(&self) -> String {
        let mut soql = format!("SELECT {} FROM {}", self.columns.join(", "), self.object);
        if !self.conditions.is_empty() {
            soql.push_str(" WHERE ");
            soql.push_str(&self.conditions.join(" AND "));
        }
        soql.push_str(" ORDER BY ");
        soql.push_str(self.order);
        if let Some(limit) = self.limit {
            soql.push_str(&format!(" LIMIT {limit}"));
        }
        soql
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_never_ends_early() {
        assert_eq!(text("O'Brien \\ Söhne\n"), "'O\\'Brien \\\\ Söhne\\n'");
        assert_eq!(text("x' OR Name != '"), "'x\\' OR Name != \\''");
        assert_eq!(pattern(["", "50%_off's", ""]), "'%50\\%\\_off\\'s%'");
    }

    #[test]
    fn a_lookup_leads_to_its_hop() {
        assert_eq!(
            (hop("AccountId").as_str(), hop("Opportunity__c").as_str()),
            ("Account", "Opportunity__r")
        );
    }
}
