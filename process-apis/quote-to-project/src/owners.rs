//! Who resolves which exception, and by when. One table a process; what it does not name goes to integration operators.

use process_engine::{OwnerRule, Process, State};

use crate::allocation::AllocationSync;
use crate::conversion::Conversion;
use crate::services::Services;
use crate::unreadable::Unreadable;

/// Code, role, hours.
type Rule = (&'static str, &'static str, u32);

/// Everything that nobody else owns: faults, systems that stay away, refusals that no rule names.
const OTHERS: OwnerRule = OwnerRule {
    role: "integration_operator",
    sla_hours: 4,
};

/// Of conversions. A deal that waits keeps a client waiting, so most are due the same working day.
const CONVERSION: [Rule; 21] = [
    ("deal_not_won", "account_lead", 24),
    ("deal_incomplete", "account_lead", 8),
    ("missing_rate", "account_lead", 8),
    ("currency_mismatch_in_deal", "account_lead", 8),
    ("customer_without_country", "account_lead", 8),
    ("customer_ambiguous", "data_steward", 4),
    ("customer_exists_already", "data_steward", 4),
    ("already_referenced", "data_steward", 8),
    ("legal_entity_not_mapped", "data_steward", 4),
    ("role_not_mapped", "data_steward", 4),
    ("region_not_mapped", "data_steward", 4),
    ("rate_card_not_mapped", "data_steward", 4),
    ("person_not_mapped", "data_steward", 4),
    ("legal_entity_inactive", "project_accountant", 8),
    ("nexus_closed", "project_accountant", 8),
    ("customer_in_other_entity", "project_accountant", 8),
    ("project_has_work", "project_accountant", 24),
    ("field_not_owned", "data_steward", 8),
    ("outcome_unknown", "integration_operator", 2),
    ("malformed_answer", "data_steward", 4),
    ("not_found", "account_lead", 8),
];

/// Of planned time.
const ALLOCATION: [Rule; 4] = [
    ("role_not_mapped", "data_steward", 8),
    ("person_not_mapped", "data_steward", 8),
    ("field_not_owned", "data_steward", 8),
    ("outcome_unknown", "integration_operator", 4),
];

/// Gives the exceptions of conversions their owners.
#[must_use]
pub fn for_conversion(process: Process<Conversion, Services>) -> Process<Conversion, Services> {
    owned(process, &CONVERSION)
}

/// Gives the exceptions of planned time their owners.
#[must_use]
pub fn for_allocation(process: Process<AllocationSync, Services>) -> Process<AllocationSync, Services> {
    owned(process, &ALLOCATION)
}

/// Gives the exceptions of changes that cannot be read their owners: whoever keeps the connection.
#[must_use]
pub fn for_unreadable(process: Process<Unreadable, Services>) -> Process<Unreadable, Services> {
    owned(process, &[])
}

fn owned<St: State>(process: Process<St, Services>, rules: &[Rule]) -> Process<St, Services> {
    rules.iter().fold(
        process.default_owner(OTHERS),
        |process, &(code, role, sla_hours)| process.owner(code, OwnerRule { role, sla_hours }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use chassis::Role;

    #[test]
    fn every_owner_is_a_role_that_people_have() {
        let roles = [
            Role::AccountLead,
            Role::DataSteward,
            Role::ProjectAccountant,
            Role::IntegrationOperator,
        ];
        let known: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
        for (code, role, sla_hours) in CONVERSION.iter().chain(&ALLOCATION) {
            assert!(known.contains(role), "{code} belongs to {role}, whom nobody is");
            assert!(*sla_hours > 0);
        }
    }
}
