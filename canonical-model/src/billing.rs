//! What is charged and paid: schedules, billing events, invoices, credit notes, payments.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{BillingMethod, Currency, Money, RecordRef, Resource};

/// When and how a project is charged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct BillingSchedule {
    /// What it is called.
    #[validate(length(min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// The project.
    pub project: RecordRef,
    /// How it is charged.
    pub method: BillingMethod,
    /// What is charged when; empty for time and materials, which is charged as approved.
    #[serde(default)]
    pub events: Vec<BillingEvent>,
}

impl Resource for BillingSchedule {
    const NAME: &'static str = "billing_schedule";
    const PATH: &'static str = "billing-schedules";
}

/// One agreed charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BillingEvent {
    /// What it is for.
    pub description: String,
    /// Day it is due.
    pub date: NaiveDate,
    /// How much.
    pub amount: Money,
    /// The milestone that brings it about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone: Option<RecordRef>,
}

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Not yet in the ledger.
    Draft,
    /// In the ledger, not paid in full.
    Open,
    /// Paid in full.
    Paid,
    /// Taken back.
    Cancelled,
}

/// What an invoice line charges for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// A time entry.
    TimeEntry,
    /// An expense.
    Expense,
    /// A milestone.
    Milestone,
    /// An agreed charge of a schedule.
    BillingEvent,
}

/// The record that an invoice line charges for, in the ERP.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LineSource {
    /// What it is.
    pub kind: SourceKind,
    /// Which.
    pub record: RecordRef,
}

/// One line of an invoice or a credit note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvoiceLine {
    /// What is charged.
    pub description: String,
    /// How many units, hours for time.
    #[schema(value_type = String, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "7.5")]
    pub quantity: Decimal,
    /// Price of one unit, net.
    pub unit_price: Money,
    /// Net amount of the line, rounded to the minor unit.
    pub amount: Money,
    /// The role, for time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RecordRef>,
    /// Tax code, where the ERP does not find it by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_code: Option<RecordRef>,
    /// The records that the line charges for.
    #[serde(default)]
    pub sources: Vec<LineSource>,
}

/// A demand for payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Invoice {
    /// The ERP's number; absent before it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Who pays.
    pub account: RecordRef,
    /// For which project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<RecordRef>,
    /// The legal entity that charges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<RecordRef>,
    /// Invoice date: the tax point and the posting period follow from it.
    pub date: NaiveDate,
    /// Day by which it shall be paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_date: Option<NaiveDate>,
    /// Currency of everything in it.
    pub currency: Currency,
    /// The client's purchase order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_order: Option<String>,
    /// What the client reads on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memo: Option<String>,
    /// What is charged.
    #[serde(default)]
    pub lines: Vec<InvoiceLine>,
    /// Net of all lines; the ERP's figure when it was read from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net: Option<Money>,
    /// Tax; the ERP's figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<Money>,
    /// Gross; the ERP's figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
    /// Paid so far; the ERP's figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount_paid: Option<Money>,
    /// Where it stands.
    pub status: InvoiceStatus,
}

impl Resource for Invoice {
    const NAME: &'static str = "invoice";
    const PATH: &'static str = "invoices";
}

/// A correction of an invoice in the client's favour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct CreditNote {
    /// The ERP's number; absent before it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Whose it is.
    pub account: RecordRef,
    /// The invoice that it corrects.
    pub invoice: RecordRef,
    /// Its date.
    pub date: NaiveDate,
    /// Currency of everything in it.
    pub currency: Currency,
    /// What is taken back, in positive amounts.
    #[serde(default)]
    pub lines: Vec<InvoiceLine>,
    /// Gross; the ERP's figure when it was read from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Money>,
}

impl Resource for CreditNote {
    const NAME: &'static str = "credit_note";
    const PATH: &'static str = "credit-notes";
}

/// Money received from a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// The ERP's number; absent before it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// Who paid.
    pub account: RecordRef,
    /// When.
    pub date: NaiveDate,
    /// How much.
    pub amount: Money,
    /// Which invoices it pays.
    #[serde(default)]
    pub applied: Vec<PaymentApplication>,
}

impl Resource for Payment {
    const NAME: &'static str = "payment";
    const PATH: &'static str = "payments";
}

/// The part of a payment that pays one invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PaymentApplication {
    /// The invoice.
    pub invoice: RecordRef,
    /// How much of it.
    pub amount: Money,
}
