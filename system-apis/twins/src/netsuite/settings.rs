//! How the emulated account is set up: identity, credentials, limits, preferences.
//!
//! Everything that differs from one NetSuite account to the next is here, with values meant for development as
//! defaults. The default keys and secrets are public: they open nothing but this twin.

use std::collections::BTreeMap;

/// Certificate id of the default RSA key (PS256, PS384, PS512).
pub const DEVELOPMENT_CERTIFICATE_ID: &str = "fairlead-development";
/// Private key that belongs to [`DEVELOPMENT_CERTIFICATE_ID`]. Public knowledge; for development only.
pub const DEVELOPMENT_PRIVATE_KEY_PEM: &str = include_str!("development/rsa-private.pem");
/// Certificate id of the default elliptic-curve key (ES256).
pub const DEVELOPMENT_EC_CERTIFICATE_ID: &str = "fairlead-development-ec";
/// Private key that belongs to [`DEVELOPMENT_EC_CERTIFICATE_ID`]. Public knowledge; for development only.
pub const DEVELOPMENT_EC_PRIVATE_KEY_PEM: &str = include_str!("development/ec-private.pem");

/// The public half of a key pair that signs client assertions.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// What the assertion's `kid` says.
    pub id: String,
    /// `PUBLIC KEY` or `CERTIFICATE` in PEM, RSA or EC.
    pub public_key_pem: String,
}

/// One billing type of projects.
#[derive(Debug, Clone)]
pub struct JobBillingType {
    /// Value in SuiteQL and SuiteScript: `CB`, `TM`, `FBI` or `FBM`.
    pub code: String,
    /// What a person reads.
    pub label: String,
}

/// In which form the integration user's preferences write dates (in `q` and in SuiteQL results).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateFormat {
    /// `10/31/2026`
    MonthDayYear,
    /// `31.10.2026`
    DayMonthYear,
}

/// The emulated account.
#[derive(Debug, Clone)]
pub struct NetSuiteSettings {
    /// Account id in the form of the OAuth realm, such as `1234567_SB1`.
    pub account_id: String,
    /// Base address that callers may have signed instead of the twin's own, without a trailing slash.
    pub public_url: String,
    /// Client id of the OAuth 2.0 integration record.
    pub client_id: String,
    /// Certificates uploaded for the client.
    pub certificates: Vec<Certificate>,
    /// Life of an access token.
    pub token_lifetime_s: i64,
    /// Whether RS256 assertions are taken (the vendor no longer does).
    pub accept_rs256: bool,
    /// Token-based authentication: consumer key of the integration record.
    pub consumer_key: String,
    /// Its secret.
    pub consumer_secret: String,
    /// Token id of user and role.
    pub token_id: String,
    /// Its secret.
    pub token_secret: String,
    /// How far `oauth_timestamp` may be from now; `None` = not checked.
    pub timestamp_window_s: Option<i64>,
    /// Whether a nonce is good once only.
    pub refuse_replayed_nonces: bool,
    /// Requests that the account serves at a time (15 = Premium tier).
    pub concurrency_limit: usize,
    /// How long a request occupies its place at least.
    pub processing_ms: u64,
    /// Status of `IDEMPOTENCY_ERROR`: 400 in the guide, 409 in a client's documentation.
    pub idempotency_conflict_status: u16,
    /// How long an asynchronous job shows as pending.
    pub async_job_ms: i64,
    /// Record types whose feature is switched off.
    pub disabled_types: Vec<String>,
    /// Record types that the role may not touch.
    pub denied_types: Vec<String>,
    /// Custom fields: record type, field, kind (`text`, `num`, `bool`, `date`).
    pub custom_fields: BTreeMap<String, BTreeMap<String, String>>,
    /// Billing types of projects by REST id; the ids are arbitrary per account.
    pub job_billing_types: BTreeMap<String, JobBillingType>,
    /// Project statuses by id.
    pub job_statuses: BTreeMap<String, String>,
    /// Statuses (ids) in which a project takes no time and no expense.
    pub closed_job_statuses: Vec<String>,
    /// Longest text by field name.
    pub max_lengths: BTreeMap<String, usize>,
    /// Whether two customers may not have the same `entityId`.
    pub unique_customer_names: bool,
    /// Whether only approved time can be invoiced.
    pub bill_approved_time_only: bool,
    /// Whether time may be negative. The vendor's documentation does not say.
    pub take_negative_time: bool,
    /// Whether time dated in a closed period is refused.
    pub refuse_time_in_closed_periods: bool,
    /// Preference of the integration user.
    pub date_format: DateFormat,
    /// Time zone of the integration user, as error texts name it.
    pub time_zone: String,
    /// Its distance from UTC.
    pub utc_offset_minutes: i32,
    /// Most rows that a SuiteQL query may have.
    pub max_query_rows: usize,
}

impl Default for NetSuiteSettings {
    fn default() -> Self {
        Self {
            account_id: "7001234_SB1".to_owned(),
            public_url: "https://7001234-sb1.suitetalk.api.netsuite.com".to_owned(),
            client_id: "fairlead-development".to_owned(),
            certificates: development_certificates(),
            token_lifetime_s: 3600,
            accept_rs256: false,
            consumer_key: "fairlead-development-consumer-key".to_owned(),
            consumer_secret: "fairlead-development-consumer-secret".to_owned(),
            token_id: "fairlead-development-token".to_owned(),
            token_secret: "fairlead-development-token-secret".to_owned(),
            timestamp_window_s: Some(300),
            refuse_replayed_nonces: true,
            concurrency_limit: 15,
            processing_ms: 0,
            idempotency_conflict_status: 400,
            async_job_ms: 0,
            disabled_types: Vec::new(),
            denied_types: Vec::new(),
            custom_fields: development_custom_fields(),
            job_billing_types: development_billing_types(),
            job_statuses: map([
                ("1", "Closed"),
                ("2", "In Progress"),
                ("3", "Not Awarded"),
                ("4", "Pending"),
                ("5", "Awarded"),
            ]),
            closed_job_statuses: vec!["1".to_owned(), "3".to_owned()],
            max_lengths: [
                ("memo", 999),
                ("entityId", 83),
                ("companyName", 83),
                ("externalId", 255),
                ("tranId", 45),
            ]
            .into_iter()
            .map(|(field, length)| (field.to_owned(), length))
            .collect(),
            unique_customer_names: true,
            bill_approved_time_only: true,
            take_negative_time: true,
            refuse_time_in_closed_periods: true,
            date_format: DateFormat::MonthDayYear,
            time_zone: "GMT".to_owned(),
            utc_offset_minutes: 0,
            max_query_rows: 100_000,
        }
    }
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}

fn development_certificates() -> Vec<Certificate> {
    [
        (
            DEVELOPMENT_CERTIFICATE_ID,
            include_str!("development/rsa-public.pem"),
        ),
        (
            DEVELOPMENT_EC_CERTIFICATE_ID,
            include_str!("development/ec-public.pem"),
        ),
    ]
    .into_iter()
    .map(|(id, pem)| Certificate {
        id: id.to_owned(),
        public_key_pem: pem.to_owned(),
    })
    .collect()
}

fn development_custom_fields() -> BTreeMap<String, BTreeMap<String, String>> {
    [
        (
            "customer",
            map([
                ("custentity_fairlead_domain", "text"),
                ("custentity_fairlead_tax_number", "text"),
            ]),
        ),
        (
            "job",
            map([
                ("custentity_fairlead_region", "text"),
                ("custentity_fairlead_margin", "num"),
                ("custentity_fairlead_manager_email", "text"),
                ("custentity_fairlead_rate_card", "text"),
            ]),
        ),
        (
            "timeBill",
            map([
                ("custcol_fairlead_role", "text"),
                ("custcol_fairlead_note", "text"),
                ("custcol_fairlead_reverses", "text"),
                ("custcol_fairlead_approval", "text"),
            ]),
        ),
        (
            "expenseReport",
            map([
                ("custbody_fairlead_reverses", "text"),
                ("custbody_fairlead_approval", "text"),
            ]),
        ),
        ("resourceAllocation", map([("custevent_fairlead_role", "text")])),
        (
            "salesOrder",
            map([
                ("custbody_fairlead_cap", "num"),
                ("custbody_fairlead_rate_card", "text"),
            ]),
        ),
        ("invoice", map([("custbody_fairlead_sources", "text")])),
        ("creditMemo", map([("custbody_fairlead_sources", "text")])),
    ]
    .into_iter()
    .map(|(record, fields)| (record.to_owned(), fields))
    .collect()
}

fn development_billing_types() -> BTreeMap<String, JobBillingType> {
    [
        ("1", "FBI", "Fixed Bid, Interval"),
        ("2", "TM", "Time and Materials"),
        ("3", "CB", "Charge-Based"),
        ("4", "FBM", "Fixed Bid, Milestone"),
    ]
    .into_iter()
    .map(|(id, code, label)| {
        (
            id.to_owned(),
            JobBillingType {
                code: code.to_owned(),
                label: label.to_owned(),
            },
        )
    })
    .collect()
}
