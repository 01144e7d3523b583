//! Who may see what of the dashboard.

use chassis::{Caller, Permission, Role};

/// See the dashboard.
pub(crate) struct ReadDashboard;

impl Permission for ReadDashboard {
    const SCOPE: &'static str = "dashboard:read";
    const ROLES: &'static [Role] = &[
        Role::Viewer,
        Role::AccountLead,
        Role::ProjectAccountant,
        Role::BillingApprover,
        Role::Auditor,
        Role::Administrator,
    ];
}

/// Who may see what work costs and what it earns.
const COST_ROLES: [Role; 5] = [
    Role::AccountLead,
    Role::ProjectAccountant,
    Role::BillingApprover,
    Role::Auditor,
    Role::Administrator,
];

/// Whether a reader may see cost. A service asks insight itself, where its own grant is checked; through this API it gets
/// what every viewer gets.
pub(crate) fn sees_cost(caller: &Caller) -> bool {
    !caller.is_service && COST_ROLES.iter().any(|role| caller.has_role(*role))
}
