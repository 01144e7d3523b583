//! The form of the audit log that an outsider can check: lines, their chain of hashes, and RFC 9162 tree heads.
//!
//! Pure functions: the control API writes with them, `fairlead audit verify` checks with them, neither database nor
//! network is known here. `docs/audit.md` describes the form so that a checker can be written without this code.

mod line;
mod signing;
pub mod tree;
mod verify;

pub use line::{Entry, FORMAT, Head, Header, chain_hash, entry_line};
pub use signing::SigningKey;
pub use verify::{Finding, Report, Verifier};
