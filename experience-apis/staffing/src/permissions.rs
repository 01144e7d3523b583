//! Who may see what of staffing.

use chassis::{Caller, Permission, Role};

/// See requests and planned time.
pub(crate) struct ReadStaffing;

impl Permission for ReadStaffing {
    const SCOPE: &'static str = "staffing:read";
    const ROLES: &'static [Role] = &[
        Role::ResourceManager,
        Role::Consultant,
        Role::AccountLead,
        Role::Administrator,
    ];
}

/// Whose planned time a caller sees: a consultant's own, everybody's for those who plan.
pub(crate) fn person_of(caller: &Caller) -> Option<String> {
    let plans = [Role::ResourceManager, Role::AccountLead, Role::Administrator];
    if caller.is_service || plans.iter().any(|role| caller.has_role(*role)) {
        return None;
    }
    Some(caller.email.clone().unwrap_or_else(|| caller.subject.clone()))
}
