//! What an account's administrator would have set up before an integration is let in.
//!
//! The customer's own statuses and custom fields are data (`customisation.json`): `statuses` gives the account's project
//! statuses, `sets` the custom field sets with the kind of record that they belong to, `fields` the custom fields with
//! their ids, value types, choices and unique constraints. Facts that the vendor does not publish (limits, how long the
//! event feed lags, the words of a request's status) are settings too.

use chrono::Duration;
use serde::Deserialize;

/// A token that a user made on the application page.
#[derive(Debug, Clone)]
pub struct Token {
    /// The token.
    pub secret: String,
    /// E-mail address of its owner, whose permission decides what calls see.
    pub owner: String,
}

impl Token {
    /// A token and its owner's e-mail address.
    #[must_use]
    pub fn of(secret: &str, owner: &str) -> Self {
        Self {
            secret: secret.to_owned(),
            owner: owner.to_owned(),
        }
    }
}

/// A limit on one endpoint beside the general one.
#[derive(Debug, Clone)]
pub struct EndpointLimit {
    /// HTTP method.
    pub method: String,
    /// First segment of the path, such as `workspaces`.
    pub collection: String,
    /// Calls of one token in a minute.
    pub per_minute: u32,
}

/// One project status of the account.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    pub(super) key: i64,
    pub(super) message: String,
    pub(super) color: String,
}

/// A set of custom fields.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FieldSet {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) subject_type: String,
}

/// A choice of a custom field.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) label: String,
}

/// A custom field.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CustomField {
    pub(super) id: String,
    pub(super) set: String,
    pub(super) name: String,
    pub(super) value_type: String,
    #[serde(default)]
    pub(super) unique: bool,
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
}

/// What the customer added to the product.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Customisation {
    pub(super) statuses: Vec<Status>,
    pub(super) sets: Vec<FieldSet>,
    pub(super) fields: Vec<CustomField>,
}

impl Customisation {
    /// Reads a customisation in the form of `customisation.json`.
    ///
    /// # Errors
    /// The text is not of that form.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// The words of a resource request's `status`, which the vendor does not list.
#[derive(Debug, Clone)]
pub struct RequestStatuses {
    /// Nobody has decided.
    pub pending: String,
    /// The seat is filled.
    pub approved: String,
    /// Refused.
    pub rejected: String,
    /// Withdrawn.
    pub cancelled: String,
}

/// Set-up of the account. The default is public and must not guard anything real.
#[derive(Debug, Clone)]
pub struct KantataSettings {
    /// Tokens, which do not expire.
    pub tokens: Vec<Token>,
    /// Number of the account.
    pub account_id: i64,
    /// The account's default currency.
    pub currency: String,
    /// The account's offset from UTC, which all timestamps except those of events carry.
    pub utc_offset_minutes: i32,
    /// Project statuses and custom fields.
    pub customisation: Customisation,
    /// Whether projects ask for approval of time and expenses unless they are created otherwise.
    pub approvals_by_default: bool,
    /// Whether an approval or rejection also moves `updated_at` of the entries and makes `time_entry:updated` events.
    pub approval_touches_entries: bool,
    /// Whether rates of rate cards are shown in subunits instead of main units.
    pub rate_card_rates_in_subunits: bool,
    /// Words of a resource request's status.
    pub request_statuses: RequestStatuses,
    /// Whether the event feed was bought.
    pub subscribed_events: bool,
    /// How long after a change its event is there; every third event takes two, every other third three times as long,
    /// so that events come out of the order of the changes.
    pub event_lag: Duration,
    /// How long events are kept.
    pub event_retention: Duration,
    /// Calls of one token in a minute; absent = no limit.
    pub requests_per_minute: Option<u32>,
    /// Limits of single endpoints.
    pub endpoint_limits: Vec<EndpointLimit>,
}

/// Token of the integration's administrator.
pub const DEVELOPMENT_TOKEN: &str = "fairlead-development-token";
/// Token of the person who acts as the firm's administrator.
pub const FIRM_TOKEN: &str = "firm-development-token";
/// Token of a project lead, who sees money of her projects but no cost.
pub const LEAD_TOKEN: &str = "lead-development-token";
/// Token of a collaborator, who sees no money.
pub const COLLABORATOR_TOKEN: &str = "collaborator-development-token";

impl Default for KantataSettings {
    fn default() -> Self {
        let customisation = Customisation::from_json(include_str!("customisation.json"));
        let customisation = customisation.unwrap_or_else(|error| {
            tracing::error!(%error, "the development customisation of the Kantata twin is not readable");
            Customisation::default()
        });
        Self {
            tokens: vec![
                Token::of(DEVELOPMENT_TOKEN, "integration@northwind-advisory.example"),
                Token::of(FIRM_TOKEN, "helen.cho@northwind-advisory.example"),
                Token::of(LEAD_TOKEN, "james.whitfield@northwind-advisory.example"),
                Token::of(COLLABORATOR_TOKEN, "lee.morgan@northwind-advisory.example"),
            ],
            account_id: 4_711_001,
            currency: "USD".to_owned(),
            utc_offset_minutes: -7 * 60,
            customisation,
            approvals_by_default: true,
            approval_touches_entries: true,
            rate_card_rates_in_subunits: false,
            request_statuses: RequestStatuses {
                pending: "pending".to_owned(),
                approved: "approved".to_owned(),
                rejected: "rejected".to_owned(),
                cancelled: "cancelled".to_owned(),
            },
            subscribed_events: true,
            event_lag: Duration::milliseconds(200),
            event_retention: Duration::days(9),
            requests_per_minute: None,
            endpoint_limits: Vec::new(),
        }
    }
}
