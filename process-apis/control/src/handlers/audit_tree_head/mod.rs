//! Tree heads of the audit log, and proofs against them.

pub(crate) mod compare;
pub(crate) mod list;
pub(crate) mod prove;

use audit_log::Head;
use serde::Serialize;
use utoipa::ToSchema;

/// A tree head: the RFC 9162 root over the first entries of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TreeHead {
    /// Entries that it covers.
    pub(crate) tree_size: u64,
    /// The root, in hexadecimal.
    pub(crate) root_hash: String,
    /// The Ed25519 key that signed it, in hexadecimal; absent where heads are not signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_key: Option<String>,
    /// The signature, in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<String>,
}

impl From<Head> for TreeHead {
    fn from(head: Head) -> Self {
        Self {
            tree_size: head.tree_size,
            root_hash: head.root_hash,
            public_key: head.public_key,
            signature: head.signature,
        }
    }
}
