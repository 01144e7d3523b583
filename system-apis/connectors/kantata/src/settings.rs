//! How to reach one account, and what its administrator called things.
//!
//! `config/vendors/kantata.toml` documents every key. Ids of custom fields and statuses are the account's own and have no
//! default.

use std::path::PathBuf;

use canonical_model::Currency;
use egress::SecretRef;
use serde::Deserialize;
use url::Url;
use validator::{Validate, ValidationError};

/// Settings of one Kantata connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the API answers, without `/api/v1`.
    #[serde(default = "production")]
    pub base_url: Url,
    /// Access token of the integration's user.
    pub token: SecretRef,
    /// Certificate authorities (PEM) to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Lets plain HTTP leave this machine.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Whether the account has the event feed.
    #[serde(default = "yes")]
    pub subscribed_events: bool,
    /// Name of this integration in external references.
    #[serde(default = "service_name")]
    #[validate(length(min = 1, max = 60))]
    pub service_name: String,
    /// Whether rates of rate cards are in subunits.
    #[serde(default)]
    pub rate_card_rates_in_subunits: bool,
    /// Only cost rates in this currency are shown.
    #[serde(default)]
    pub cost_currency: Option<Currency>,
    /// Who may answer a request for somebody; empty = the lead of the project.
    #[serde(default)]
    pub request_approver_ids: Vec<String>,
    /// How much, how fast, how long.
    #[serde(default)]
    #[validate(nested)]
    pub limits: Limits,
    /// Project statuses.
    #[validate(nested)]
    pub statuses: Statuses,
    /// Custom fields.
    #[validate(nested)]
    pub fields: Fields,
    /// The account's words for canonical values.
    #[serde(default)]
    pub words: Words,
    /// Parts of refusals.
    #[serde(default)]
    pub texts: Texts,
}

/// How much, how fast, how long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time to connect.
    #[validate(range(min = 100, max = 60_000))]
    pub connect_timeout_ms: u64,
    /// Time for one call.
    #[validate(range(min = 1000, max = 600_000))]
    pub timeout_ms: u64,
    /// Calls started a second; absent = no limit of ours.
    pub rate_per_second: Option<u32>,
    /// Calls under way at once.
    #[validate(range(min = 1, max = 50))]
    pub max_concurrent: u32,
    /// Pause that callers are asked for over the vendor's limit.
    pub retry_after_ms: u64,
    /// How long a change may take to become visible.
    #[validate(range(min = 1, max = 86_400))]
    pub overlap_s: u32,
    /// Tasks and milestones in one call.
    #[validate(range(min = 1, max = 100))]
    pub batch_size: usize,
    /// Days for which events are kept.
    #[validate(range(min = 1, max = 365))]
    pub event_retention_days: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            timeout_ms: 180_000,
            rate_per_second: None,
            max_concurrent: 4,
            retry_after_ms: 5_000,
            overlap_s: 60,
            batch_size: 100,
            event_retention_days: 9,
        }
    }
}

/// Keys of the account's project statuses; the first of each list is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Statuses {
    /// Set up, not begun.
    #[validate(length(min = 1))]
    pub planned: Vec<i64>,
    /// Time can be booked.
    #[validate(length(min = 1))]
    pub active: Vec<i64>,
    /// Done.
    #[validate(length(min = 1))]
    pub closed: Vec<i64>,
}

/// Custom fields by id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct Fields {
    /// Our key on projects.
    #[validate(custom(function = "is_id"))]
    pub project_key: String,
    /// The firm's code of projects.
    #[validate(custom(function = "is_id"))]
    pub project_code: String,
    /// Our key on client companies.
    #[validate(custom(function = "is_id"))]
    pub account_key: String,
    /// Our key on tasks and milestones.
    #[validate(custom(function = "is_id"))]
    pub task_key: String,
    /// Our key on seats.
    #[validate(custom(function = "is_id"))]
    pub seat_key: String,
    /// How projects are charged.
    #[serde(default)]
    pub project_billing_method: Option<String>,
    /// The region that delivers.
    #[serde(default)]
    pub project_region: Option<String>,
    /// The legal entity that delivers.
    #[serde(default)]
    pub project_legal_entity: Option<String>,
    /// Tax registration of client companies.
    #[serde(default)]
    pub account_tax_registration: Option<String>,
    /// The legal entity that employs a person.
    #[serde(default)]
    pub person_legal_entity: Option<String>,
    /// A person's hours a week.
    #[serde(default)]
    pub person_weekly_hours: Option<String>,
}

/// The account's words for canonical values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    /// Labels of the billing method's choices.
    pub billing_method: BillingWords,
    /// Statuses of resource requests.
    pub request: RequestWords,
}

/// Labels of the billing method's choices.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BillingWords {
    /// Approved hours and expenses at the rate card.
    pub time_and_materials: String,
    /// An agreed price.
    pub fixed_fee: String,
    /// An agreed price at milestones.
    pub milestone: String,
    /// An agreed price a month.
    pub retainer: String,
}

impl Default for BillingWords {
    fn default() -> Self {
        Self {
            time_and_materials: "Time and Materials".to_owned(),
            fixed_fee: "Fixed Fee".to_owned(),
            milestone: "Milestone".to_owned(),
            retainer: "Retainer".to_owned(),
        }
    }
}

/// Words of a resource request's status.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestWords {
    /// Nobody is placed yet.
    pub open: Vec<String>,
    /// Somebody is placed.
    pub fulfilled: Vec<String>,
    /// No longer wanted.
    pub cancelled: Vec<String>,
}

impl Default for RequestWords {
    fn default() -> Self {
        Self {
            open: vec!["pending".to_owned()],
            fulfilled: vec!["approved".to_owned()],
            cancelled: vec!["rejected".to_owned(), "cancelled".to_owned()],
        }
    }
}

/// Parts of the vendor's texts, for refusals that only their texts tell apart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Texts {
    /// A value that must be unique is taken.
    pub duplicate: Vec<String>,
    /// A value is missing.
    pub blank: Vec<String>,
    /// The account is closed.
    pub account_closed: Vec<String>,
}

impl Default for Texts {
    fn default() -> Self {
        Self {
            duplicate: vec![
                "has already been entered".to_owned(),
                "has already been taken".to_owned(),
            ],
            blank: vec!["can't be blank".to_owned()],
            account_closed: vec!["account has been canceled".to_owned()],
        }
    }
}

fn production() -> Url {
    // The address is a constant and parses.
    #[expect(clippy::expect_used, reason = "a constant address")]
    Url::parse("https://api.mavenlink.com").expect("a constant address")
}

fn yes() -> bool {
    true
}

fn service_name() -> String {
    "Fairlead".to_owned()
}

/// Ids stand in queries as they are.
fn is_id(text: &str) -> Result<(), ValidationError> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(ValidationError::new("id").with_message("must be the number of a custom field".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_settings_are_complete_and_valid() {
        let text = include_str!("../../../../config/vendors/kantata.toml");
        let settings: Settings = toml::from_str(text).unwrap();
        settings.validate().unwrap();
        assert_eq!(settings.words, Words::default());
        assert_eq!(settings.texts, Texts::default());
        let defaults = Limits {
            overlap_s: settings.limits.overlap_s,
            ..Limits::default()
        };
        assert_eq!(settings.limits, defaults);
    }

    #[test]
    fn a_literal_token_and_a_field_by_name_are_refused() {
        let text = include_str!("../../../../config/vendors/kantata.toml");
        let literal = text.replace("file:data/secrets/kantata-token", "s3cr3t");
        let refusal = toml::from_str::<Settings>(&literal).unwrap_err();
        assert!(!refusal.message().contains("s3cr3t"), "{refusal}");
        let named = text.replace("project_key = \"301\"", "project_key = \"Fairlead Key\"");
        assert!(toml::from_str::<Settings>(&named).unwrap().validate().is_err());
    }
}
