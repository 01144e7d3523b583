//! The audit log, newest first.

use askama::Template;
use canonical_model::AuditEntry;
use chrono::{DateTime, Utc};

/// Lines of the log.
#[derive(Template)]
#[template(path = "audit.html")]
pub struct Audit<'a> {
    /// The lines.
    pub entries: &'a [AuditEntry],
    /// The list is narrowed to this subject.
    pub subject: &'a str,
    /// Where older lines are.
    pub next: Option<&'a str>,
}

impl Audit<'_> {
    fn at(&self, time: &DateTime<Utc>) -> String {
        format!("{} UTC", time.format("%Y-%m-%d %H:%M:%S"))
    }

    /// Enough of the hash to compare by eye; the API has all of it.
    fn short(&self, hash: &str) -> String {
        hash.chars().take(12).collect()
    }

    fn detail(&self, detail: &serde_json::Value) -> String {
        match detail {
            serde_json::Value::Null => String::new(),
            detail => detail.to_string(),
        }
    }
}
