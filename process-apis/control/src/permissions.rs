//! Who may do what at control: one type a permission, named in the handlers' signatures.
//!
//! Duties are kept apart: whoever maps reference data or rules on customers is a steward; whoever resolves exceptions that
//! move money is not (see [`crate::handlers::exception_group::resolve`] for the check on one person with both roles).

use chassis::{Permission, Role};

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
    /// Ask which golden record an account is.
    MatchAccounts, "accounts:match", [DataSteward]);
permission!(
    /// Decide which golden record an account is.
    RuleAccounts, "accounts:rule", [DataSteward]);
permission!(
    /// See golden records.
    ReadAccounts, "accounts:read", [DataSteward, IntegrationOperator, ProjectAccountant, Auditor, Administrator]);
permission!(
    /// Look up cross-references and translations.
    ReadReferences, "references:read", [DataSteward, IntegrationOperator, ProjectAccountant, Auditor, Administrator]);
permission!(
    /// Note cross-references.
    WriteReferences, "references:write", [DataSteward]);
permission!(
    /// Set and take back mappings of reference data.
    WriteMappings, "mappings:write", [DataSteward]);
permission!(
    /// Check a write against the ownership rules.
    CheckOwnership, "ownership:check", [IntegrationOperator, DataSteward]);
permission!(
    /// See exceptions.
    ReadExceptions, "exceptions:read",
    [DataSteward, IntegrationOperator, ProjectAccountant, BillingApprover, ResourceManager, AccountLead, Auditor, Administrator]);
permission!(
    /// Take and resolve exceptions.
    ResolveExceptions, "exceptions:resolve",
    [IntegrationOperator, ProjectAccountant, BillingApprover, DataSteward, ResourceManager]);
permission!(
    /// Read the audit log.
    ReadAudit, "audit:read", [Auditor, Administrator]);
permission!(
    /// See reconciliations, their differences and certificates.
    ReadReconciliations, "reconciliations:read",
    [IntegrationOperator, ProjectAccountant, BillingApprover, Auditor, Administrator]);
permission!(
    /// Ask for a reconciliation.
    RunReconciliations, "reconciliations:run", [IntegrationOperator, ProjectAccountant, Auditor]);
