//! The caller as its token describes it.

use std::fmt;
use std::str::FromStr;

use canonical_model::CanonicalId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a person is for Fairlead; a token's claim `roles` names any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads what everybody may read.
    Viewer,
    /// Owns the relationship with accounts.
    AccountLead,
    /// Staffs projects.
    ResourceManager,
    /// Keeps the books of projects.
    ProjectAccountant,
    /// Lets invoices out.
    BillingApprover,
    /// Keeps the integration running: exceptions, replay.
    IntegrationOperator,
    /// Keeps master and reference data: matches, mappings.
    DataSteward,
    /// Reads everything that was done, changes nothing.
    Auditor,
    /// Administers the installation.
    Administrator,
    /// Somebody at a client; the claim `account` says which.
    Client,
    /// Works on projects.
    Consultant,
}

impl Role {
    /// Every role.
    pub const ALL: &'static [Self] = &[
        Self::Viewer,
        Self::AccountLead,
        Self::ResourceManager,
        Self::ProjectAccountant,
        Self::BillingApprover,
        Self::IntegrationOperator,
        Self::DataSteward,
        Self::Auditor,
        Self::Administrator,
        Self::Client,
        Self::Consultant,
    ];

    /// The role as the claim `roles` spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::AccountLead => "account_lead",
            Self::ResourceManager => "resource_manager",
            Self::ProjectAccountant => "project_accountant",
            Self::BillingApprover => "billing_approver",
            Self::IntegrationOperator => "integration_operator",
            Self::DataSteward => "data_steward",
            Self::Auditor => "auditor",
            Self::Administrator => "administrator",
            Self::Client => "client",
            Self::Consultant => "consultant",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a role")]
pub struct UnknownRole(String);

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .iter()
            .copied()
            .find(|role| role.as_str() == text)
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The claim `sub`.
    pub subject: String,
    /// The person's name.
    pub name: Option<String>,
    /// The person's e-mail address.
    pub email: Option<String>,
    /// The person's roles; empty for a service. Roles that Fairlead does not know are left out.
    pub roles: Vec<Role>,
    /// What the token was granted for.
    pub scopes: Vec<String>,
    /// The account that a client belongs to.
    pub account: Option<CanonicalId>,
    /// Whether this is a program rather than a person: its token has no claim `roles`.
    pub is_service: bool,
    /// The person for whom a service acts, as that service says (header `x-on-behalf-of`). Never set for a person.
    pub on_behalf_of: Option<String>,
}

impl Caller {
    /// Who is to be named in the audit: the person behind a service, or the subject itself.
    #[must_use]
    pub fn actor(&self) -> &str {
        self.on_behalf_of.as_deref().unwrap_or(&self.subject)
    }

    /// Whether the person has a role.
    #[must_use]
    pub fn has_role(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }

    /// Whether the token was granted a scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}
