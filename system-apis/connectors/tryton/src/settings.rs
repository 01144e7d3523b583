//! What a connection to Tryton needs to know: server, database, user, limits, and the records that the firm's
//! administrator chose. `config/vendors/tryton.toml` shows every key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use canonical_model::BillingMethod;
use egress::SecretRef;
use serde::Deserialize;
use url::Url;
use validator::{Validate, ValidationError};

/// One connection: one company in one database.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "ids_are_unambiguous"))]
pub struct Settings {
    /// Where the server answers.
    pub base_url: Url,
    /// Name of the database.
    #[validate(length(min = 1, max = 63))]
    pub database: String,
    /// Login of the integration's user.
    #[validate(length(min = 1, max = 100))]
    pub login: String,
    /// Its password.
    pub password: SecretRef,
    /// Id of the company; absent = the user's current one.
    #[serde(default)]
    pub company: Option<i64>,
    /// Language of Tryton's texts, by which refusals are told apart.
    #[serde(default = "english")]
    #[validate(length(min = 2, max = 10))]
    pub language: String,
    /// Certificate authorities (PEM) that are trusted instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Lets plain HTTP leave this machine; for networks that encrypt underneath.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Limits.
    #[serde(default)]
    #[validate(nested)]
    pub limits: Limits,
    /// Warnings that are confirmed without asking anybody, by the end of their name.
    #[serde(default)]
    pub accept_warnings: Vec<String>,
    /// Identifier type by country of a tax registration; absent there = an identifier without a type.
    #[serde(default = "identifier_types")]
    pub identifier_types: BTreeMap<String, String>,
    /// Projects and tasks.
    pub project: ProjectSettings,
    /// Invoices.
    pub invoice: InvoiceSettings,
    /// Expenses.
    #[serde(default)]
    pub expense: ExpenseSettings,
    /// Products that are charged other than time.
    pub items: Items,
    /// Texts by which refusals are told apart.
    #[serde(default)]
    pub texts: Texts,
}

/// Limits of our patience.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Time to connect.
    pub connect_timeout_ms: u64,
    /// Time for one call.
    pub timeout_ms: u64,
    /// Calls at a time.
    #[validate(range(min = 1, max = 100))]
    pub max_concurrent: u32,
    /// Records a page.
    #[validate(range(min = 1, max = 1000))]
    pub page_size: u32,
    /// Time entries a call.
    #[validate(range(min = 1, max = 1000))]
    pub batch_size: u32,
    /// How long after its stamp a change may still become visible: younger changes are delivered again with the next
    /// call. Tryton stamps the beginning of a transaction.
    #[validate(range(min = 1, max = 3600))]
    pub overlap_s: u32,
    /// How long the user's company, currencies, countries and people's addresses are remembered.
    pub directory_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            timeout_ms: 60_000,
            max_concurrent: 4,
            page_size: 200,
            batch_size: 200,
            overlap_s: 10,
            directory_s: 600,
        }
    }
}

/// How this firm sets up projects.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSettings {
    /// Ids of `project.work.status` of work that goes on; the first is written.
    pub open: Vec<i64>,
    /// Ids of statuses of work that is done; the first is written.
    pub done: Vec<i64>,
    /// `project_invoice_method` of projects that Fairlead makes.
    #[serde(default)]
    pub invoice_method: InvoiceMethod,
}

/// Who makes the invoices of a project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceMethod {
    /// Fairlead alone: Tryton's own button finds nothing to invoice.
    #[default]
    Manual,
    /// Tryton shows what of the time is invoiced. Its own button then invoices time that Fairlead has yet to invoice.
    Timesheet,
}

impl InvoiceMethod {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Timesheet => "timesheet",
        }
    }
}

/// How this firm invoices.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceSettings {
    /// Invoices are posted; `false` leaves them validated, for a person to post.
    #[serde(default = "yes")]
    pub post: bool,
}

/// How this firm books what people spend: as supplier invoices, the supplier being who is paid back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExpenseSettings {
    /// They are posted; `false` leaves them validated, for a person to post.
    pub post: bool,
    /// Party to which expenses are booked that nobody is paid back for; absent = the company's own.
    pub paid_by_firm: Option<i64>,
}

impl Default for ExpenseSettings {
    fn default() -> Self {
        Self {
            post: true,
            paid_by_firm: None,
        }
    }
}

/// Products (`product.product`) that are charged other than time. Roles are the other services that are sold by the hour.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// Of time without a role.
    pub time_and_materials: i64,
    /// Of agreed charges.
    pub fixed_fee: i64,
    /// Of milestones.
    pub milestone: i64,
    /// Of expenses that are charged on.
    pub expenses: i64,
    /// Of differences of a cent between a line and its price by the hour; absent = the price is changed instead.
    #[serde(default)]
    pub rounding: Option<i64>,
}

impl Items {
    /// All of them: none is a role.
    pub(crate) fn all(&self) -> Vec<i64> {
        let fixed = [
            self.time_and_materials,
            self.fixed_fee,
            self.milestone,
            self.expenses,
        ];
        fixed.into_iter().chain(self.rounding).collect()
    }
}

/// Parts of Tryton's texts, in the language of the settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Texts {
    /// A code or number is taken.
    pub unique: Vec<String>,
    /// The date lies in a closed or missing period.
    pub period_closed: Vec<String>,
    /// The record is on an invoice.
    pub already_invoiced: Vec<String>,
    /// The document is posted.
    pub posted: Vec<String>,
    /// The record is not there.
    pub missing: Vec<String>,
    /// Our user has no right to it.
    pub access: Vec<String>,
    /// A mandatory value is missing.
    pub value_missing: Vec<String>,
    /// A value is too long.
    pub value_too_long: Vec<String>,
    /// A value does not fit the others.
    pub domain: Vec<String>,
    /// A reference leads nowhere.
    pub invalid_reference: Vec<String>,
    /// A value is not one that the field takes.
    pub invalid_value: Vec<String>,
}

impl Default for Texts {
    fn default() -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Self {
            unique: texts(&["must be unique"]),
            period_closed: texts(&[
                "you must reopen the period",
                "you must create a period",
                "you must reopen the fiscal year",
                "you must create a fiscal year",
            ]),
            already_invoiced: texts(&["because it has been invoiced"]),
            posted: texts(&["because it is posted, paid or cancelled"]),
            missing: texts(&["that don't exist"]),
            access: texts(&["You are not allowed to", "is not allowed"]),
            value_missing: texts(&["A value is required for field"]),
            value_too_long: texts(&["is too long"]),
            domain: texts(&["is not valid according to its domain"]),
            invalid_reference: texts(&["does not exist"]),
            invalid_value: texts(&[
                "is not valid",
                "The number of digits in the value",
                "is not one of the allowed options",
            ]),
        }
    }
}

impl Settings {
    /// Where calls go, below the server's address.
    pub(crate) fn path(&self) -> String {
        format!("{}/rpc/", egress::segment(&self.database))
    }
}

fn english() -> String {
    "en".to_owned()
}

fn yes() -> bool {
    true
}

fn identifier_types() -> BTreeMap<String, String> {
    const EU: &str = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK";
    let eu = EU.split(' ').map(|country| (country, "eu_vat"));
    let others = [
        ("GB", "gb_vat"),
        ("CH", "ch_vat"),
        ("NO", "no_mva"),
        ("US", "us_ein"),
    ];
    eu.chain(others)
        .map(|(country, kind)| (country.to_owned(), kind.to_owned()))
        .collect()
}

/// An id that stands for two things could not be read back.
fn ids_are_unambiguous(settings: &Settings) -> Result<(), ValidationError> {
    let project = &settings.project;
    let lists = [
        ("project statuses", [&project.open[..], &project.done].concat()),
        ("items", settings.items.all()),
    ];
    for (name, mut ids) in lists {
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != count {
            let mut error = ValidationError::new("ambiguous_ids");
            error.message = Some(format!("the ids of {name} must differ").into());
            return Err(error);
        }
    }
    if project.open.is_empty() || project.done.is_empty() {
        return Err(ValidationError::new("each project status needs an id"));
    }
    Ok(())
}

/// How a way to charge is called in a record's tag.
pub(crate) const METHODS: [(BillingMethod, &str); 4] = [
    (BillingMethod::TimeAndMaterials, "time_and_materials"),
    (BillingMethod::FixedFee, "fixed_fee"),
    (BillingMethod::Milestone, "milestone"),
    (BillingMethod::Retainer, "retainer"),
];
