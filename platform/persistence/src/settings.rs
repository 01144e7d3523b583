//! Where a database is.

use std::path::PathBuf;

use canonical_model::{Failure, Result};
use serde::Deserialize;

/// Where a database is and how it is used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    /// `sqlite:path/to/file.db`, `postgres://user@host/database`, or a reference to such a text: `env:NAME`, `file:/path`.
    pub url: String,
    /// PostgreSQL: the schema that holds the tables; made where it is absent. SQLite has one file a database instead.
    #[serde(default)]
    pub schema: Option<String>,
    /// PostgreSQL: connections of this process at most. SQLite: connections that read.
    #[serde(default = "default_connections")]
    pub max_connections: u32,
    /// SQLite: transactions that share one fsync at most; 1 gives each its own.
    #[serde(default = "default_group_size")]
    pub group_size: usize,
}

fn default_connections() -> u32 {
    8
}

fn default_group_size() -> usize {
    256
}

/// A database's address, resolved.
pub(crate) enum Address {
    Sqlite(PathBuf),
    Postgres(String),
}

impl DatabaseSettings {
    /// A database with default limits.
    #[must_use]
    pub fn at(url: impl Into<String>, schema: Option<&str>) -> Self {
        Self {
            url: url.into(),
            schema: schema.map(str::to_owned),
            max_connections: default_connections(),
            group_size: default_group_size(),
        }
    }

    pub(crate) fn address(&self) -> Result<Address> {
        let url = resolve(&self.url)?;
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Ok(Address::Postgres(url));
        }
        let path = url
            .strip_prefix("sqlite://")
            .or_else(|| url.strip_prefix("sqlite:"));
        match path {
            Some(path) if !path.is_empty() && !path.starts_with(":memory:") => {
                Ok(Address::Sqlite(PathBuf::from(path)))
            }
            _ => Err(wrong(
                "database.url must be sqlite:<file> or postgres://<address>",
            )),
        }
    }

    /// The schema's name, safe to stand in a statement.
    pub(crate) fn checked_schema(&self) -> Result<Option<&str>> {
        let Some(schema) = self.schema.as_deref() else {
            return Ok(None);
        };
        let first = schema.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        let rest = schema
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if first && rest && schema.len() <= 63 {
            return Ok(Some(schema));
        }
        Err(wrong(
            "database.schema must be 1 to 63 of a-z, 0-9 and _, beginning with a letter",
        ))
    }
}

fn resolve(url: &str) -> Result<String> {
    if let Some(name) = url.strip_prefix("env:") {
        #[expect(
            clippy::disallowed_methods,
            reason = "an address with a password is a reference, resolved here"
        )]
        return std::env::var(name).map_err(|_| {
            wrong(&format!(
                "database.url names the variable {name}, which is not set"
            ))
        });
    }
    if let Some(path) = url.strip_prefix("file:") {
        return std::fs::read_to_string(path)
            .map(|text| text.trim().to_owned())
            .map_err(|e| {
                wrong(&format!(
                    "database.url names the file {path}, which cannot be read: {e}"
                ))
            });
    }
    Ok(url.to_owned())
}

fn wrong(message: &str) -> Failure {
    Failure::fault("database_settings", message)
}
