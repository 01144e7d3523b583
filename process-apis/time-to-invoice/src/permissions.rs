//! Who may do what, beside what every process API has.

use chassis::{Permission, Role};

/// See posting lines and what they come to.
pub(crate) struct ReadPostings;

impl Permission for ReadPostings {
    const SCOPE: &'static str = "postings:read";
    const ROLES: &'static [Role] = &[
        Role::ProjectAccountant,
        Role::BillingApprover,
        Role::IntegrationOperator,
        Role::Auditor,
        Role::Administrator,
    ];
}

/// Tell that work may have changed in the PSA.
pub(crate) struct WriteWork;

impl Permission for WriteWork {
    const SCOPE: &'static str = "work:write";
    const ROLES: &'static [Role] = &[Role::IntegrationOperator, Role::Administrator];
}

/// See billing runs.
pub(crate) struct ReadBilling;

impl Permission for ReadBilling {
    const SCOPE: &'static str = "billing:read";
    const ROLES: &'static [Role] = &[
        Role::ProjectAccountant,
        Role::BillingApprover,
        Role::IntegrationOperator,
        Role::Auditor,
        Role::Administrator,
    ];
}

/// Ask for invoices.
pub(crate) struct WriteBilling;

impl Permission for WriteBilling {
    const SCOPE: &'static str = "billing:write";
    const ROLES: &'static [Role] = &[Role::BillingApprover, Role::ProjectAccountant];
}
