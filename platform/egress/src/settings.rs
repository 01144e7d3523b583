//! What a client is told about the system that it talks to.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

/// One system to talk to. Every limit has a default; none can be switched off.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressSettings {
    /// Names the system in logs, metrics and failures, such as `erp/main`.
    pub name: String,
    /// Where paths of requests are appended to; its host is always allowed.
    pub base_url: Url,
    /// More hosts that requests and continuation links may name: `host`, `host:port` or `*.domain`.
    #[serde(default)]
    pub allowed_hosts: Vec<String>,
    /// Time to connect, TLS included.
    #[serde(default = "default_connect_timeout_ms")]
    pub connect_timeout_ms: u64,
    /// Time from sending a request to the last byte of its answer.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// Calls started a second, at most.
    #[serde(default)]
    pub rate_per_second: Option<u32>,
    /// Calls under way at once, at most; for vendors that limit it by account.
    #[serde(default)]
    pub max_concurrent: Option<u32>,
    /// The longest that a call waits for the two limits above before it is given up unsent.
    #[serde(default = "default_max_wait_ms")]
    pub max_wait_ms: u64,
    /// The largest answer that is read, unpacked.
    #[serde(default = "default_max_answer_bytes")]
    pub max_answer_bytes: u64,
    /// Certificate authorities (PEM) that are trusted instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Lets `http://` go to a host that is not this machine. For networks that encrypt underneath.
    #[serde(default)]
    pub allow_plain_http: bool,
}

impl EgressSettings {
    /// Settings with every default.
    #[must_use]
    pub fn new(name: impl Into<String>, base_url: Url) -> Self {
        Self {
            name: name.into(),
            base_url,
            allowed_hosts: Vec::new(),
            connect_timeout_ms: default_connect_timeout_ms(),
            timeout_ms: default_timeout_ms(),
            rate_per_second: None,
            max_concurrent: None,
            max_wait_ms: default_max_wait_ms(),
            max_answer_bytes: default_max_answer_bytes(),
            ca_file: None,
            allow_plain_http: false,
        }
    }
}

fn default_connect_timeout_ms() -> u64 {
    5_000
}

fn default_timeout_ms() -> u64 {
    60_000
}

fn default_max_wait_ms() -> u64 {
    60_000
}

fn default_max_answer_bytes() -> u64 {
    64 * 1024 * 1024
}
