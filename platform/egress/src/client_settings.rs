//! How one of our own APIs is reached.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::EgressSettings;

/// An API of ours to call. In a settings file it is its address, or a table with more.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Written")]
pub struct ClientSettings {
    /// Its address, such as `http://127.0.0.1:8121`.
    pub base_url: Url,
    /// Time to its whole answer. Longer than the API itself takes for the slowest vendor, so that it can say how a
    /// write ended.
    pub timeout_ms: u64,
    /// Calls under way at once, at most.
    pub max_concurrent: Option<u32>,
    /// Certificate authorities (PEM) to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// See [`EgressSettings::allow_plain_http`].
    pub allow_plain_http: bool,
}

impl ClientSettings {
    /// Settings with every default.
    #[must_use]
    pub fn new(base_url: Url) -> Self {
        Self {
            base_url,
            timeout_ms: default_timeout_ms(),
            max_concurrent: None,
            ca_file: None,
            allow_plain_http: false,
        }
    }

    /// As settings of the client that calls the API `name`.
    #[must_use]
    pub fn egress(&self, name: &str) -> EgressSettings {
        let mut settings = EgressSettings::new(name, self.base_url.clone());
        settings.timeout_ms = self.timeout_ms;
        settings.max_concurrent = self.max_concurrent;
        settings.ca_file.clone_from(&self.ca_file);
        settings.allow_plain_http = self.allow_plain_http;
        settings
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Address(Url),
    Table(Table),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    base_url: Url,
    #[serde(default = "default_timeout_ms")]
    timeout_ms: u64,
    #[serde(default)]
    max_concurrent: Option<u32>,
    #[serde(default)]
    ca_file: Option<PathBuf>,
    #[serde(default)]
    allow_plain_http: bool,
}

impl From<Written> for ClientSettings {
    fn from(written: Written) -> Self {
        match written {
            Written::Address(base_url) => Self::new(base_url),
            Written::Table(table) => Self {
                base_url: table.base_url,
                timeout_ms: table.timeout_ms,
                max_concurrent: table.max_concurrent,
                ca_file: table.ca_file,
                allow_plain_http: table.allow_plain_http,
            },
        }
    }
}

fn default_timeout_ms() -> u64 {
    320_000
}
