//! What insight answers with: key figures, and how projects and accounts stand.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{BillingMethod, Currency, InvoiceStatus, Minutes, Money, ProjectScope};

/// A key figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KpiName {
    /// From won deal to a project on which time can be booked.
    QuoteToProjectCycleTime,
    /// From a staffing request to an agreed person.
    StaffingLeadTime,
    /// How much of the time that was agreed was worked.
    UtilisationAccuracy,
    /// From the last day of work to the invoice for it.
    InvoiceCycleTime,
    /// Charges that are in the books and on no invoice.
    WorkInProgress,
    /// Days that receivables stand.
    DaysSalesOutstanding,
    /// Margin that was earned less margin that was sold.
    MarginVariance,
    /// Share of approved time that was posted within its time.
    PostedInTime,
}

impl KpiName {
    /// All of them, in the order of the dashboard.
    pub const ALL: [KpiName; 8] = [
        Self::QuoteToProjectCycleTime,
        Self::StaffingLeadTime,
        Self::UtilisationAccuracy,
        Self::InvoiceCycleTime,
        Self::WorkInProgress,
        Self::DaysSalesOutstanding,
        Self::MarginVariance,
        Self::PostedInTime,
    ];

    /// What people call it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::QuoteToProjectCycleTime => "Quote-to-project cycle time",
            Self::StaffingLeadTime => "Staffing lead time",
            Self::UtilisationAccuracy => "Utilisation accuracy",
            Self::InvoiceCycleTime => "Invoice cycle time",
            Self::WorkInProgress => "Work in progress",
            Self::DaysSalesOutstanding => "Days sales outstanding",
            Self::MarginVariance => "Margin variance",
            Self::PostedInTime => "Approved time posted in time",
        }
    }

    /// The exact meaning, as the contract states it.
    #[must_use]
    pub fn definition(self) -> &'static str {
        match self {
            Self::QuoteToProjectCycleTime => {
                "Median of the minutes from the CRM marking a deal won to the first moment at which time can be booked on its \
                 project, over projects activated in the period."
            }
            Self::StaffingLeadTime => {
                "Median of the hours from a staffing request to the first confirmed assignment of the same project and role, over \
                 requests made in the period that are met."
            }
            Self::UtilisationAccuracy => {
                "100 less the percentage by which posted time and confirmed planned time of the period differ: \
                 100 - 100 x |posted - planned| / planned, at least 0. Planned time is spread evenly over the days of its \
                 assignment, Monday to Friday."
            }
            Self::InvoiceCycleTime => {
                "Median of the days from the last day of work that an invoice charges for to the day the invoice was made, over \
                 invoices made in the period."
            }
            Self::WorkInProgress => {
                "Sum of the charges of posted work that stands on no invoice at the end of the period, one figure a currency; the \
                 ages are days since the day of the work: 0-30, 31-60, 61-90, over 90."
            }
            Self::DaysSalesOutstanding => {
                "Open receivables at the end of the period divided by invoiced gross of the 90 days up to it, times 90; over \
                 invoices of one currency."
            }
            Self::MarginVariance => {
                "Margin earned, (net invoiced - cost) / net invoiced in percent, less the margin sold, weighted by net invoiced, over \
                 projects invoiced by the end of the period. Cost is posted minutes at the person's cost rate plus expenses."
            }
            Self::PostedInTime => {
                "Percentage of time entries posted in the period that were in the books within the agreed time of their approval \
                 (setting sla.posting_hours, 24 by default)."
            }
        }
    }

    /// What it is counted in.
    #[must_use]
    pub fn unit(self) -> &'static str {
        match self {
            Self::QuoteToProjectCycleTime => "minutes",
            Self::StaffingLeadTime => "hours",
            Self::InvoiceCycleTime | Self::DaysSalesOutstanding => "days",
            Self::UtilisationAccuracy | Self::PostedInTime => "percent",
            Self::MarginVariance => "percentage points",
            Self::WorkInProgress => "money",
        }
    }

    /// It is made of cost, which not every reader may see.
    #[must_use]
    pub fn needs_cost(self) -> bool {
        self == Self::MarginVariance
    }
}

/// One figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figure {
    /// The value in the figure's unit; absent where there are no facts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "31.5")]
    pub value: Option<Decimal>,
    /// Values of money, one a currency.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub money: Vec<Money>,
    /// Parts of the figure by name, such as ages.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Vec<Money>>,
    /// How many cases it is made of.
    pub cases: u64,
    /// The facts that it is made of, by event id, at most a thousand.
    pub lineage: Vec<String>,
}

/// A key figure over a window, with its meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kpi {
    /// Which.
    pub name: KpiName,
    /// What people call it.
    pub title: String,
    /// Exactly what it means.
    pub definition: String,
    /// What it is counted in.
    pub unit: String,
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The figure.
    #[serde(flatten)]
    pub figure: Figure,
}

/// How a project stands. Cost and margin are absent for readers who may not see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectStanding {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// What it is called.
    pub name: String,
    /// How it is charged.
    pub billing_method: BillingMethod,
    /// When time could first be booked.
    pub activated_at: DateTime<Utc>,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// What was sold.
    pub budget: Money,
    /// Time that was sold.
    pub sold_minutes: Minutes,
    /// Time in the books.
    pub posted_minutes: Minutes,
    /// Net invoiced.
    pub invoiced: Money,
    /// Charges in the books and on no invoice.
    pub work_in_progress: Money,
    /// Invoiced and in progress, in percent of the budget.
    #[schema(value_type = String, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "62.5")]
    pub burn_percent: Decimal,
    /// Margin that was sold, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "35")]
    pub target_margin_percent: Option<Decimal>,
    /// Cost of posted work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Money>,
    /// Margin earned, in percent of net invoiced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "41.2")]
    pub margin_percent: Option<Decimal>,
}

/// How an invoice stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvoiceStanding {
    /// Connection and id, such as `erp/main/107`.
    pub invoice: String,
    /// The ERP's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// What the account is called.
    pub account_name: String,
    /// The firm's code of the project, where the invoice names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_code: Option<String>,
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
}

/// How a wish for somebody of a role stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceRequestStanding {
    /// Which project.
    #[serde(flatten)]
    pub scope: ProjectScope,
    /// Connection and id of the request, such as `psa/main/31`.
    pub request: String,
    /// The role (canonical code).
    pub role: String,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// First day wanted.
    pub start_date: NaiveDate,
    /// Time wanted.
    pub minutes: Minutes,
    /// When a person was agreed; absent while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_at: Option<DateTime<Utc>>,
}

/// What an account's projects earned, in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountMargin {
    /// Currency of the figures.
    pub currency: Currency,
    /// Net invoiced.
    pub revenue: Money,
    /// Cost of posted work.
    pub cost: Money,
    /// Revenue less cost in percent of revenue; absent where there is no revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "41.2")]
    pub margin_percent: Option<Decimal>,
}
