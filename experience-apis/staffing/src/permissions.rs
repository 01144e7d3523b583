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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consultant_sees_their_own_time_and_who_plans_sees_everybodys() {
        let caller = |roles: &[Role]| Caller {
            subject: "tom".to_owned(),
            name: None,
            email: Some("tom@firm.example".to_owned()),
            roles: roles.to_vec(),
            scopes: vec!["staffing:read".to_owned()],
            account: None,
            is_service: false,
            on_behalf_of: None,
        };
        let own = Some("tom@firm.example".to_owned());
        assert_eq!(person_of(&caller(&[Role::Consultant])), own);
        for role in [Role::ResourceManager, Role::AccountLead, Role::Administrator] {
            assert_eq!(person_of(&caller(&[Role::Consultant, role])), None);
        }
    }
}
