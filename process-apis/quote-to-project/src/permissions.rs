//! Who may do what, beside what every process API has.

use chassis::{Permission, Role};

/// Tell that a deal may have been won.
pub struct WriteDeals;

impl Permission for WriteDeals {
    const SCOPE: &'static str = "deals:write";
    const ROLES: &'static [Role] = &[Role::AccountLead, Role::IntegrationOperator, Role::Administrator];
}
