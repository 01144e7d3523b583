//! Who may do what at the desk: one type a permission, named in the handlers' signatures.
//!
//! The APIs behind see this API's own token and the person's name; what a person may do is decided here.

use chassis::{Caller, Permission, Role};

/// Declares a permission: its scope and the roles of people who have it.
macro_rules! permission {
    ($(#[$doc:meta])* $name:ident, $scope:literal, [$($role:ident),*]) => {
        $(#[$doc])*
        pub(crate) struct $name;
        impl Permission for $name {
            const SCOPE: &'static str = $scope;
            const ROLES: &'static [Role] = &[$(Role::$role),*];
        }
    };
}

permission!(
    /// See exceptions.
    ReadExceptions, "exceptions:read",
    [DataSteward, IntegrationOperator, ProjectAccountant, BillingApprover, ResourceManager, AccountLead, Auditor, Administrator]);
permission!(
    /// Take and resolve exceptions.
    ResolveExceptions, "exceptions:resolve",
    [IntegrationOperator, ProjectAccountant, BillingApprover, DataSteward, ResourceManager]);
permission!(
    /// Set mappings of reference data.
    WriteMappings, "mappings:write", [DataSteward]);
permission!(
    /// See how processes stand.
    ReadProcesses, "processes:read",
    [DataSteward, IntegrationOperator, ProjectAccountant, BillingApprover, Auditor, Administrator]);
permission!(
    /// See reconciliations, their differences and certificates.
    ReadReconciliations, "reconciliations:read",
    [IntegrationOperator, ProjectAccountant, BillingApprover, Auditor, Administrator]);
permission!(
    /// Ask for a reconciliation.
    RunReconciliations, "reconciliations:run", [IntegrationOperator, ProjectAccountant, Auditor]);
permission!(
    /// Read the audit log.
    ReadAudit, "audit:read", [Auditor, Administrator]);

/// Whether a caller who may do one thing may do another, for what a page offers.
pub(crate) fn may<P: Permission>(caller: &Caller) -> bool {
    caller.has_scope(P::SCOPE) && (caller.is_service || P::ROLES.iter().any(|role| caller.has_role(*role)))
}
