//! Who may see what of insight.

use chassis::{Caller, Permission, Role};

/// See figures, projects and invoices.
pub(crate) struct ReadInsight;

impl Permission for ReadInsight {
    const SCOPE: &'static str = "insight:read";
    const ROLES: &'static [Role] = &[
        Role::Viewer,
        Role::AccountLead,
        Role::ResourceManager,
        Role::ProjectAccountant,
        Role::BillingApprover,
        Role::Auditor,
        Role::Administrator,
    ];
}

/// See what work costs and what it earns.
pub(crate) struct ReadCosts;

impl ReadCosts {
    /// Whether a caller of another operation may see cost in its answer.
    #[must_use]
    pub(crate) fn given_to(caller: &Caller) -> bool {
        let role = caller.is_service || Self::ROLES.iter().any(|role| caller.has_role(*role));
        role && caller.has_scope(Self::SCOPE)
    }
}

impl Permission for ReadCosts {
    const SCOPE: &'static str = "costs:read";
    const ROLES: &'static [Role] = &[
        Role::AccountLead,
        Role::ProjectAccountant,
        Role::BillingApprover,
        Role::Auditor,
        Role::Administrator,
    ];
}
