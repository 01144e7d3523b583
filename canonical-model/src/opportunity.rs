//! What was sold: opportunities, contracts and rate cards.

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use crate::{Currency, Minutes, Money, Rate, RecordRef, Resource};

/// Where a deal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OpportunityStage {
    /// Still being sold.
    Open,
    /// Signed.
    Won,
    /// Gone elsewhere.
    Lost,
}

/// How work is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BillingMethod {
    /// Approved hours and expenses at the rate card.
    TimeAndMaterials,
    /// An agreed price on agreed dates.
    FixedFee,
    /// An agreed price when a milestone is reached.
    Milestone,
    /// An agreed price a month.
    Retainer,
}

/// A deal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Opportunity {
    /// Name of the deal, and of the project that it becomes.
    #[validate(length(min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120, example = "Helios grid strategy")]
    pub name: String,
    /// Where it stands.
    pub stage: OpportunityStage,
    /// The account that buys; absent in a deal that nobody has tied to one yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<RecordRef>,
    /// The salesperson.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<RecordRef>,
    /// Value of the deal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Expected or actual day of closing.
    pub close_date: NaiveDate,
    /// Day the contract was signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_date: Option<NaiveDate>,
    /// The legal entity that sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<RecordRef>,
    /// The region that delivers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How it is charged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_method: Option<BillingMethod>,
    /// Margin that was sold, in percent of revenue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = r"^-?\d{1,24}(\.\d{1,10})?$", example = "35")]
    pub target_margin_percent: Option<Decimal>,
    /// E-mail address of the project manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_manager: Option<RecordRef>,
    /// First day of delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<NaiveDate>,
    /// Last day of delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<NaiveDate>,
    /// The client's purchase order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_order: Option<String>,
    /// Name of the rate card that was agreed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<RecordRef>,
    /// Charges shall not go beyond this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Money>,
    /// What was sold.
    #[serde(default)]
    pub lines: Vec<OpportunityLine>,
    /// The project that it became, as the loop wrote it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<RecordRef>,
    /// State of that project, as the loop wrote it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_status: Option<String>,
}

impl Resource for Opportunity {
    const NAME: &'static str = "opportunity";
    const PATH: &'static str = "opportunities";
}

/// One line of what was sold: hours of a role, or a milestone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpportunityLine {
    /// The line's id in the CRM.
    pub id: String,
    /// What it is called.
    pub description: String,
    /// The part of the project that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workstream: Option<String>,
    /// The role wanted; absent for a milestone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RecordRef>,
    /// Time sold of that role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<Minutes>,
    /// Rate sold for that role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Price of the line.
    pub amount: Money,
    /// First day the role is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<NaiveDate>,
    /// Last day the role is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<NaiveDate>,
    /// Day the milestone is due; set for a milestone only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milestone_date: Option<NaiveDate>,
}

/// What was agreed, as the billing processes apply it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// What it is called.
    #[validate(length(min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// The account.
    pub account: RecordRef,
    /// The deal that it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opportunity: Option<RecordRef>,
    /// The project, where the system keeps contracts by project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<RecordRef>,
    /// The legal entity that sells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity: Option<RecordRef>,
    /// How it is charged.
    pub billing_method: BillingMethod,
    /// Currency of everything in it.
    pub currency: Currency,
    /// Its value.
    pub amount: Money,
    /// Charges shall not go beyond this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Money>,
    /// The client's purchase order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase_order: Option<String>,
    /// The rate card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_card: Option<RecordRef>,
    /// First day.
    pub start_date: NaiveDate,
    /// Last day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<NaiveDate>,
    /// Day of signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_date: Option<NaiveDate>,
}

impl Resource for Contract {
    const NAME: &'static str = "contract";
    const PATH: &'static str = "contracts";
}

/// Prices by role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct RateCard {
    /// What it is called.
    #[validate(length(min = 1, max = 120))]
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Currency of its rates.
    pub currency: Currency,
    /// First day on which its rates are in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<NaiveDate>,
    /// Last day on which its rates are in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_to: Option<NaiveDate>,
    /// One line a role.
    #[serde(default)]
    pub lines: Vec<RateCardLine>,
}

impl Resource for RateCard {
    const NAME: &'static str = "rate_card";
    const PATH: &'static str = "rate-cards";
}

/// The price of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateCardLine {
    /// The role.
    pub role: RecordRef,
    /// Its price.
    pub rate: Rate,
}
