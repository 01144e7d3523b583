//! Who may see and decide about processes.

use chassis::{Permission, Role};

/// See instances and exceptions.
pub(crate) struct ReadProcesses;

impl Permission for ReadProcesses {
    const SCOPE: &'static str = "processes:read";
    const ROLES: &'static [Role] = &[
        Role::IntegrationOperator,
        Role::ProjectAccountant,
        Role::BillingApprover,
        Role::Auditor,
        Role::Administrator,
    ];
}

/// Decide about exceptions.
pub(crate) struct WriteProcesses;

impl Permission for WriteProcesses {
    const SCOPE: &'static str = "processes:write";
    const ROLES: &'static [Role] = &[
        Role::IntegrationOperator,
        Role::ProjectAccountant,
        Role::BillingApprover,
    ];
}

/// Follow events. They carry money and names of people, so only services and auditors do.
pub(crate) struct ReadEvents;

impl Permission for ReadEvents {
    const SCOPE: &'static str = "events:read";
    const ROLES: &'static [Role] = &[Role::Auditor, Role::Administrator];
}
