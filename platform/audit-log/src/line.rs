//! The lines of an export, and what is hashed.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Name of the form of an export, in its first line.
pub const FORMAT: &str = "fairlead-audit-1";

/// What an entry says.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who.
    pub actor: &'a str,
    /// What was done.
    pub action: &'a str,
    /// To what.
    pub subject: &'a str,
    /// Details: a JSON text.
    pub detail: &'a str,
    /// Correlates with logs.
    pub correlation_id: &'a str,
}

/// The line of an entry, without its end: the bytes that the chain and the tree are made of. `previous` is the chain's
/// hash of the line before, empty for the first.
#[must_use]
pub fn entry_line(previous: &str, entry: &Entry<'_>) -> String {
    let text = |value: &str| serde_json::Value::from(value).to_string();
    format!(
        "[{},{},{},{},{},{},{},{}]",
        text(previous),
        entry.seq,
        entry.at_ms,
        text(entry.actor),
        text(entry.action),
        text(entry.subject),
        entry.detail,
        text(entry.correlation_id)
    )
}

/// The chain's hash of a line: SHA-256 in hexadecimal. The next line begins with it.
#[must_use]
pub fn chain_hash(line: &[u8]) -> String {
    hex::encode(Sha256::digest(line))
}

/// A tree head: the root over the first entries of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Entries that it covers.
    pub tree_size: u64,
    /// RFC 9162 root over their lines, in hexadecimal.
    pub root_hash: String,
    /// The Ed25519 key that signed it, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Signature of [`Head::signed_text`], in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Head {
    /// An unsigned head.
    #[must_use]
    pub fn new(tree_size: u64, root_hash: &crate::tree::Hash) -> Self {
        Self {
            tree_size,
            root_hash: hex::encode(root_hash),
            public_key: None,
            signature: None,
        }
    }

    /// The text that is signed: the line of the unsigned head, after the name of its form.
    #[must_use]
    pub fn signed_text(&self) -> String {
        let bare = Self {
            public_key: None,
            signature: None,
            ..self.clone()
        };
        format!("{FORMAT} {}", bare.line())
    }

    /// Its line in an export, without the line's end.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// First line of an export: what it holds, and what comes before it in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// Number of the first entry.
    pub first: u64,
    /// Heads that stand between the entries.
    pub heads: u64,
    /// The chain's hash of the entry before the first; empty where that is the beginning of the log.
    pub previous_hash: String,
    /// Roots of the complete subtrees over the entries before the first, the greatest first, in hexadecimal.
    pub subtree_roots: Vec<String>,
    /// Head over everything up to the last entry of the export.
    pub head: Head,
}

impl Header {
    /// Its line, without the line's end.
    #[must_use]
    pub fn line(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Reads hexadecimal as it is written here: in small letters, so that a text has one form.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let small = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    hex::decode(text).ok().filter(|_| small)
}
