//! What process APIs are asked and told beside the desk: notices that something happened in a system of record, and
//! the work of time-to-invoice.
//!
//! A notice carries an id, not the record: the process reads what is true when it gets there.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{BillingMethod, CanonicalId, Minutes, Money, SourceKind};

/// A request was stored; the work goes on behind the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Accepted {
    /// The instance that works on it, where one is known already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<CanonicalId>,
    /// False when it was known already and nothing new begins.
    pub new: bool,
}

/// A deal may have been won.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct DealNotice {
    /// The connection, such as `crm/main`.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "crm/main")]
    pub connection: String,
    /// The opportunity's id there.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "006Ht00000Abc12AAB")]
    pub opportunity_id: String,
}

/// Time or an expense may have been approved, changed or withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct WorkNotice {
    /// The connection, such as `psa/main`.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "psa/main")]
    pub connection: String,
    /// Which kind of work.
    pub kind: SourceKind,
    /// Its ids there.
    #[validate(length(min = 1, max = 1000))]
    #[schema(min_items = 1, max_items = 1000)]
    pub ids: Vec<String>,
}

/// An invoice or its payment may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct InvoiceNotice {
    /// The connection, such as `erp/main`.
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "erp/main")]
    pub connection: String,
    /// The invoice's id there.
    #[validate(length(min = 1, max = 200))]
    #[schema(min_length = 1, max_length = 200, example = "107")]
    pub invoice_id: String,
}

/// Where a posting line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PostingState {
    /// Approved, waits to be posted.
    Queued,
    /// Being posted by a batch.
    Posting,
    /// In the ERP.
    Posted,
    /// In the ERP, but the PSA says something else by now: it is being taken out again, or waits for a person.
    Reversing,
    /// Taken out of the books again. The line and its reversal, which has the negated amounts, are both in this state and
    /// come to nothing together.
    Reversed,
    /// Waits for a person.
    Excepted,
    /// A person decided that it shall not be posted.
    Skipped,
    /// Its approval was withdrawn before it was posted.
    Withdrawn,
}

/// One approved time entry or expense on its way from the PSA into the books and onto an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostingLineView {
    /// Its id.
    pub id: CanonicalId,
    /// What it is of.
    pub kind: SourceKind,
    /// Connection and id of the source, such as `psa/main/4711`.
    pub source: String,
    /// The firm's code of the project, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_code: Option<String>,
    /// E-mail address of who worked, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The day of the work.
    pub date: NaiveDate,
    /// Time; none for an expense. Negative in a reversal.
    pub minutes: Minutes,
    /// What the client pays for it; absent where it is not charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<Money>,
    /// Where it stands.
    pub state: PostingState,
    /// Connection and id in the books, such as `erp/main/5512`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posting: Option<String>,
    /// Connection and id of the invoice that charges for it, such as `erp/main/107`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// The n-th posting of its source: 1, then one for its reversal, then one for what is posted in its place.
    #[serde(default)]
    #[schema(minimum = 1, example = 1)]
    pub generation: u32,
    /// The line that this one takes out of the books.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverses: Option<CanonicalId>,
    /// Connection and id of the credit note that took it off its invoice, such as `erp/main/121`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_note: Option<String>,
}

/// Asks for invoices of what is posted, billable and on no invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct BillingRunRequest {
    /// The last day of work that is charged for.
    pub up_to: NaiveDate,
    /// Date of the invoices; absent = today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<NaiveDate>,
    /// Only projects that are charged like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_method: Option<BillingMethod>,
    /// Only this legal entity (canonical code).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "de")]
    pub legal_entity: Option<String>,
    /// Only this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<CanonicalId>,
}
