//! Business facts: what processes tell the rest of the firm, as the data of events. Insight is made of nothing else.

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    AssignmentState, BillingMethod, CanonicalId, Currency, InvoiceStatus, Minutes, Money, SourceKind,
};

/// Which project a fact is about, with what it is reported by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectScope {
    /// The project.
    pub project_id: CanonicalId,
    /// The firm's code for it.
    pub project_code: String,
    /// The account.
    pub account_id: CanonicalId,
    /// What the account is called.
    pub account_name: String,
    /// Canonical code of the legal entity.
    pub legal_entity: String,
    /// The region, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// Something that happened in the business. The event's type is [`Fact::kind`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A deal was won and taken up.
    DealWon(DealWon),
    /// A won deal became a project on which time can be booked.
    ProjectActivated(ProjectActivated),
    /// What was agreed about charging a project. Told again when it changes: the last one counts.
    ContractAgreed(ContractAgreed),
    /// Somebody of a role was asked for.
    StaffingRequested(StaffingRequested),
    /// Planned time of a person was agreed, changed or withdrawn.
    AssignmentChanged(AssignmentChanged),
    /// Approved time or an expense entered the books.
    WorkPosted(WorkPosted),
    /// What had entered the books was taken out of them again.
    WorkReversed(WorkReversed),
    /// An invoice was made.
    InvoiceCreated(InvoiceCreated),
    /// An invoice stands differently: it has a number, is paid, is taken back.
    InvoiceChanged(InvoiceChanged),
    /// Money came in.
    PaymentReceived(PaymentReceived),
}

impl Fact {
    /// The type of the event that carries the fact.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DealWon(_) => "deal.won",
            Self::ProjectActivated(_) => "project.activated",
            Self::ContractAgreed(_) => "contract.agreed",
            Self::StaffingRequested(_) => "staffing.requested",
            Self::AssignmentChanged(_) => "assignment.changed",
            Self::WorkPosted(_) => "work.posted",
            Self::WorkReversed(_) => "work.reversed",
            Self::InvoiceCreated(_) => "invoice.created",
            Self::InvoiceChanged(_) => "invoice.changed",
            Self::PaymentReceived(_) => "payment.received",
        }
    }
}

/// See [`Fact::DealWon`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DealWon {
    /// Connection and id of the opportunity, such as `crm/main/006..`.
    pub opportunity: String,
    /// What the deal is called.
    pub name: String,
    /// What it is worth.
    pub amount: Money,
    /// When the CRM marked it won, as far as it tells.
    pub won_at: DateTime<Utc>,
}

/// See [`Fact::ProjectActivated`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectActivated {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// What it is called.
    pub name: String,
    /// Connection and id of the opportunity.
    pub opportunity: String,
    /// When the CRM marked the deal won.
    pub won_at: DateTime<Utc>,
    /// When time could be booked.
    pub activated_at: DateTime<Utc>,
    /// How it is charged.
    pub billing_method: BillingMethod,
    /// What was sold.
    pub budget: Money,
    /// Time that was sold.
    pub sold_minutes: Minutes,
    /// Margin that was sold, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "35")]
    pub target_margin_percent: Option<Decimal>,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
}

/// See [`Fact::ContractAgreed`]. All that billing needs to know of a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractAgreed {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// How it is charged.
    pub billing_method: BillingMethod,
    /// Currency of everything that is charged.
    pub currency: Currency,
    /// Charges shall not go beyond this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Money>,
    /// The client's purchase order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_order: Option<String>,
    /// The client pays only against a purchase order.
    #[serde(default)]
    pub purchase_order_required: bool,
    /// Name of the rate card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<String>,
    /// What is charged when; empty for time and materials, which is charged as posted.
    #[serde(default)]
    pub charges: Vec<AgreedCharge>,
}

/// One charge that a contract names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AgreedCharge {
    /// Its name within the contract: the same whenever the contract is told.
    pub id: String,
    /// What it is for.
    pub description: String,
    /// Day it is due. A milestone is charged when it is reached, whatever this says.
    pub date: NaiveDate,
    /// How much, net.
    pub amount: Money,
    /// Connection and id of the milestone that brings it about, such as `psa/main/77`; absent where the day does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<String>,
}

/// See [`Fact::StaffingRequested`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StaffingRequested {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// Connection and id of the request.
    pub request: String,
    /// The role (canonical code).
    pub role: String,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// First day wanted.
    pub start_date: NaiveDate,
    /// Time wanted.
    pub minutes: Minutes,
}

/// See [`Fact::AssignmentChanged`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssignmentChanged {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// Connection and id of the assignment.
    pub assignment: String,
    /// E-mail address of the person; absent for a seat without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The role (canonical code), where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// How firm.
    pub state: AssignmentState,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// Time over those days.
    pub minutes: Minutes,
    /// When the PSA changed it.
    pub changed_at: DateTime<Utc>,
}

/// See [`Fact::WorkPosted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkPosted {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// The posting line.
    pub line_id: CanonicalId,
    /// Time entry or expense.
    pub source: SourceKind,
    /// Connection and id of the source in the PSA.
    pub source_record: String,
    /// E-mail address of the person.
    pub person: String,
    /// The role (canonical code), for time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Day of the work.
    pub date: NaiveDate,
    /// Time; none for an expense.
    pub minutes: Minutes,
    /// What the client pays for it; absent where it is not charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Money>,
    /// What was spent, for an expense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Money>,
    /// When it was approved, as far as the PSA tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<DateTime<Utc>>,
    /// When it was in the books.
    pub posted_at: DateTime<Utc>,
}

/// See [`Fact::WorkReversed`]. Time and money are those of the posting, negated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkReversed {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// The posting line of the reversal.
    pub line_id: CanonicalId,
    /// The posting line that it takes back.
    pub reverses: CanonicalId,
    /// Time entry or expense.
    pub source: SourceKind,
    /// Connection and id of the source in the PSA.
    pub source_record: String,
    /// E-mail address of the person.
    pub person: String,
    /// Day of the work.
    pub date: NaiveDate,
    /// Time, negative; none for an expense.
    pub minutes: Minutes,
    /// What the client does not pay for it any more, negative; absent where it was not charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Money>,
    /// What was spent, negative, for an expense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Money>,
    /// Connection and id of the credit note over `charge`; absent where it was on no invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_note: Option<String>,
    /// When it was out of the books.
    pub reversed_at: DateTime<Utc>,
}

/// See [`Fact::InvoiceCreated`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceCreated {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// Connection and id of the invoice, such as `erp/main/107`.
    pub invoice: String,
    /// How it is charged.
    pub billing_method: BillingMethod,
    /// Invoice date.
    pub date: NaiveDate,
    /// Net amount.
    pub net: Money,
    /// The posting lines that it charges for.
    pub lines: Vec<CanonicalId>,
    /// Last day of work that it charges for, or the day that the charge fell due.
    pub through: NaiveDate,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// See [`Fact::InvoiceChanged`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceChanged {
    /// Connection and id of the invoice.
    pub invoice: String,
    /// The ERP's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The account.
    pub account_id: CanonicalId,
    /// What the account is called.
    pub account_name: String,
    /// The project, where the invoice names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<CanonicalId>,
    /// Canonical code of the legal entity, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<String>,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// Invoice date.
    pub date: NaiveDate,
    /// Day by which it shall be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_date: Option<NaiveDate>,
    /// Net amount.
    pub net: Money,
    /// Gross amount.
    pub total: Money,
    /// Paid so far.
    pub amount_paid: Money,
    /// When the ERP changed it.
    pub changed_at: DateTime<Utc>,
}

/// See [`Fact::PaymentReceived`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaymentReceived {
    /// Connection and id of the payment.
    pub payment: String,
    /// The account.
    pub account_id: CanonicalId,
    /// What the account is called.
    pub account_name: String,
    /// When.
    pub date: NaiveDate,
    /// How much.
    pub amount: Money,
    /// The invoices that it pays, as connection and id.
    pub invoices: Vec<String>,
}
