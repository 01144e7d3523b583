//! What a client may see. Pure: insight's records in, view out; never cost, margin or anybody's rate.

use canonical_model::{CanonicalId, InvoiceStanding, InvoiceStatus, Money, ProjectStanding};
use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A project of the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientProject {
    /// Its canonical id.
    pub id: CanonicalId,
    /// The firm's code for it.
    #[schema(example = "HEL-509EA76F")]
    pub code: String,
    /// What it is called.
    pub name: String,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// What was agreed.
    pub budget: Money,
    /// Net invoiced.
    pub invoiced: Money,
    /// Worked and not invoiced yet.
    pub work_in_progress: Money,
    /// Invoiced and in progress, in percent of the budget.
    #[schema(value_type = String, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "62.5")]
    pub used_percent: Decimal,
}

/// An invoice to the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClientInvoice {
    /// Its number, once the books have given it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The firm's code of the project, where it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_code: Option<String>,
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
    /// Where it stands.
    pub status: InvoiceStatus,
}

impl From<ProjectStanding> for ClientProject {
    fn from(standing: ProjectStanding) -> Self {
        Self {
            id: standing.scope.project_id,
            code: standing.scope.project_code,
            name: standing.name,
            start_date: standing.start_date,
            end_date: standing.end_date,
            budget: standing.budget,
            invoiced: standing.invoiced,
            work_in_progress: standing.work_in_progress,
            used_percent: standing.burn_percent,
        }
    }
}

impl From<InvoiceStanding> for ClientInvoice {
    fn from(standing: InvoiceStanding) -> Self {
        Self {
            number: standing.number,
            project_code: standing.project_code,
            date: standing.date,
            due_date: standing.due_date,
            net: standing.net,
            total: standing.total,
            amount_paid: standing.amount_paid,
            status: standing.status,
        }
    }
}

/// Drafts are the firm's own business until they are sent.
#[must_use]
pub fn shown_to_client(invoice: &InvoiceStanding) -> bool {
    invoice.status != InvoiceStatus::Draft
}
