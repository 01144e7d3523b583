//! Who calls, and whether they may: tokens, callers, permissions.

mod caller;
mod issuer;
mod permission;
mod verifier;

pub use caller::{Caller, Role};
pub use permission::{Allowed, Permission};

pub(crate) use issuer::Issuer;
pub(crate) use permission::verify_ahead;
pub(crate) use verifier::{Claims, Verifier};
