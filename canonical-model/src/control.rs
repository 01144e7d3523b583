//! What control keeps: cross-references, mappings of reference data, golden-record decisions, audit.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{Account, CanonicalId, SystemKind};

/// The same thing in one system: canonical id and the system's own id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CrossReference {
    /// Fairlead's id of the thing.
    pub canonical_id: CanonicalId,
    /// What it is: a resource name such as `account`.
    pub resource: String,
    /// The connection, such as `erp/main`.
    pub connection: String,
    /// The id there.
    pub id: String,
    /// What a person calls it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Reference data that has another name in every system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MappingDomain {
    /// Companies of the firm.
    LegalEntity,
    /// Roles; in an ERP the service item that they are charged as.
    Role,
    /// Regions.
    Region,
    /// Tax codes.
    TaxCode,
    /// Payment terms.
    PaymentTerms,
    /// Kinds of expense.
    ExpenseCategory,
    /// Rate cards.
    RateCard,
    /// People, where their e-mail addresses differ.
    Person,
    /// Project codes, where a system uses another.
    ProjectCode,
}

/// One value of one system and the canonical code that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceMapping {
    /// What is mapped.
    pub domain: MappingDomain,
    /// The connection, such as `psa/main`.
    pub connection: String,
    /// The system's value or id.
    #[schema(min_length = 1, max_length = 200)]
    pub value: String,
    /// The canonical code, such as `senior-consultant`.
    #[schema(min_length = 1, max_length = 200)]
    pub code: String,
}

/// Why two accounts are held to be the same company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchReason {
    /// The cross-reference says so.
    CrossReference,
    /// The same tax registration.
    TaxRegistration,
    /// The same domain and nearly the same name.
    Domain,
    /// The same name once legal forms, punctuation and case are taken off.
    NormalisedName,
    /// A person said so.
    Person,
}

/// A company that an account could be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MatchCandidate {
    /// Its golden record.
    pub canonical_id: CanonicalId,
    /// The account as the golden record has it.
    pub account: Account,
    /// What the two have in common.
    pub reasons: Vec<MatchReason>,
}

/// What matching decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchDecision {
    /// It is this company.
    Matched,
    /// It is none that we know.
    New,
    /// It could be several, or one on thin grounds: a person decides.
    Ambiguous,
}

/// The outcome of matching an account with the golden records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountMatch {
    /// What was decided.
    pub decision: MatchDecision,
    /// The golden record: the one found, or a new one. Absent when ambiguous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_id: Option<CanonicalId>,
    /// Why.
    pub reasons: Vec<MatchReason>,
    /// In words, for the audit log and the person.
    pub explanation: String,
    /// The companies that it could be.
    #[serde(default)]
    pub candidates: Vec<MatchCandidate>,
}

/// One line of the append-only audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// Who: a person's or a service's subject.
    pub actor: String,
    /// What was done, such as `mapping.set` or `effect.applied`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Details: the decision's reasons, the fields, never secrets or personal data.
    pub detail: serde_json::Value,
    /// Correlates with logs and traces.
    pub correlation_id: String,
    /// SHA-256 over the previous line's hash and this line, in hexadecimal.
    pub hash: String,
}

/// Asks which golden record an account of a system is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct AccountMatchRequest {
    /// The connection, such as `crm/main`.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "crm/main")]
    pub connection: String,
    /// The account's id there.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "001Ht00000Abc12AAB")]
    pub id: String,
    /// The account as the system has it.
    #[validate(nested)]
    pub account: Account,
}

/// A steward's decision which golden record an account is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct AccountMatchRuling {
    /// The account in question.
    #[validate(nested)]
    pub request: AccountMatchRequest,
    /// The golden record that it is; absent = a company of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_id: Option<CanonicalId>,
    /// Why.
    #[validate(length(min = 1, max = 2000))]
    #[schema(min_length = 1, max_length = 2000)]
    pub reason: String,
}

/// A company as all systems together know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoldenAccount {
    /// Its canonical id.
    pub canonical_id: CanonicalId,
    /// The account, field by field from the system that owns the field.
    pub account: Account,
    /// Its ids in the systems.
    pub references: Vec<CrossReference>,
}

/// A question for the cross-reference: by system id, or by canonical id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceQuestion {
    /// Resource name, such as `project`.
    pub resource: String,
    /// The connection that `id` is of; absent when asking by canonical id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The id there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The canonical id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_id: Option<CanonicalId>,
}

/// Everything that is known of one thing: its id in each system. Empty when nothing is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReferenceAnswer {
    /// One entry a connection.
    pub references: Vec<CrossReference>,
}

impl ReferenceAnswer {
    /// The canonical id, when anything is known.
    #[must_use]
    pub fn canonical_id(&self) -> Option<CanonicalId> {
        self.references.first().map(|r| r.canonical_id)
    }

    /// The id in a connection.
    #[must_use]
    pub fn id_in(&self, connection: &str) -> Option<&str> {
        self.references
            .iter()
            .find(|r| r.connection == connection)
            .map(|r| r.id.as_str())
    }
}

/// A question for the mappings: what does a value of one system stand for, and what is it in another?
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TranslationQuestion {
    /// What is mapped.
    pub domain: MappingDomain,
    /// The connection that `value` is of; absent when `value` is a canonical code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The system's value, or the canonical code.
    #[schema(min_length = 1, max_length = 200)]
    pub value: String,
    /// The connection that a value is wanted for; absent when the code is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// The answer to a [`TranslationQuestion`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Translation {
    /// The canonical code; absent when the value is not mapped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The value in the wanted connection; absent when the code is not mapped there, or none was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Questions for the cross-reference, answered in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct ReferenceQuestions {
    /// The questions.
    #[validate(length(min = 1, max = 1000))]
    #[schema(min_items = 1, max_items = 1000)]
    pub questions: Vec<ReferenceQuestion>,
}

/// One answer a question, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReferenceAnswers {
    /// The answers.
    pub answers: Vec<ReferenceAnswer>,
}

/// Questions for the mappings, answered in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TranslationQuestions {
    /// The questions.
    #[validate(length(min = 1, max = 1000))]
    #[schema(min_items = 1, max_items = 1000)]
    pub questions: Vec<TranslationQuestion>,
}

/// One answer a question, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Translations {
    /// The answers.
    pub answers: Vec<Translation>,
}

/// Asks whether a value from one kind of system may change fields in another. Answered by 200, or by the refusal
/// `field_not_owned`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct OwnershipCheck {
    /// Resource name, such as `account`.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "account")]
    pub resource: String,
    /// Names of the fields that would change.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_items = 1, max_items = 200)]
    pub fields: Vec<String>,
    /// Where the value comes from.
    pub origin: SystemKind,
}
