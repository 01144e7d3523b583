//! The frame that finance sets: legal entities, periods, tax, exchange rates, cost, revenue and margin.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{Currency, Money, Rate, RecordRef, Resource};

/// A company of the firm that keeps books of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct LegalEntity {
    /// What it is called.
    pub name: String,
    /// ISO 3166 alpha-2 country.
    pub country: String,
    /// Currency of its books.
    pub currency: Currency,
    /// Countries where it is registered for tax.
    #[serde(default)]
    pub nexuses: Vec<String>,
    /// Still in use.
    pub active: bool,
}

impl Resource for LegalEntity {
    const NAME: &'static str = "legal_entity";
    const PATH: &'static str = "legal-entities";
}

/// A part of the firm that delivers, across legal entities.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// What it is called.
    pub name: String,
}

impl Resource for Region {
    const NAME: &'static str = "region";
    const PATH: &'static str = "regions";
}

/// Whether a period takes postings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeriodState {
    /// Takes postings.
    Open,
    /// Takes no postings to receivables.
    Locked,
    /// Takes no postings at all.
    Closed,
}

/// An accounting period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// What it is called, such as `Nov 2026`.
    pub name: String,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    pub end_date: NaiveDate,
    /// Whether it takes postings.
    pub state: PeriodState,
}

impl Resource for Period {
    const NAME: &'static str = "period";
    const PATH: &'static str = "periods";
}

/// A rule of tax as the ERP knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct TaxCode {
    /// What it is called.
    pub name: String,
    /// ISO 3166 alpha-2 country whose tax it is.
    pub country: String,
    /// Percent of the net amount.
    #[schema(value_type = String, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "19")]
    pub percent: Decimal,
}

impl Resource for TaxCode {
    const NAME: &'static str = "tax_code";
    const PATH: &'static str = "tax-codes";
}

/// What one unit of a currency costs in another on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct FxRate {
    /// One unit of this.
    pub from: Currency,
    /// Costs so many units of this.
    pub to: Currency,
    /// How many.
    #[schema(value_type = String, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "1.0842")]
    pub rate: Decimal,
    /// From this day on, until a later rate.
    pub effective_from: NaiveDate,
}

impl Resource for FxRate {
    const NAME: &'static str = "fx_rate";
    const PATH: &'static str = "fx-rates";
}

/// What a person costs the firm. Encrypted at rest, shown to permitted roles only, never logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct CostRate {
    /// Whose cost.
    pub person: RecordRef,
    /// The cost.
    pub rate: Rate,
    /// From this day on, until a later rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<NaiveDate>,
}

impl Resource for CostRate {
    const NAME: &'static str = "cost_rate";
    const PATH: &'static str = "cost-rates";
}

/// Revenue recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevenueEvent {
    /// For which project.
    pub project: RecordRef,
    /// On which day.
    pub date: NaiveDate,
    /// How much.
    pub amount: Money,
    /// What brought it about.
    pub description: String,
}

/// A project's margin on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarginSnapshot {
    /// Which project.
    pub project: RecordRef,
    /// On which day.
    pub as_of: NaiveDate,
    /// Revenue so far, net.
    pub revenue: Money,
    /// Cost so far, in the currency of the revenue.
    pub cost: Money,
    /// Revenue less cost.
    pub margin: Money,
    /// Margin in percent of revenue; absent where there is no revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "42.10")]
    pub margin_percent: Option<Decimal>,
}
