//! What a connection to NetSuite needs to know: the account, how to sign in, limits, and the names and ids that the
//! account's administrator chose.
//!
//! Ids of statuses, items and custom fields differ from one account to the next and have no default: a forgotten one is
//! refused when the settings load. `config/vendors/netsuite.toml` shows every key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use canonical_model::{BillingMethod, Failure, Result};
use egress::SecretRef;
use serde::Deserialize;
use url::Url;
use validator::{Validate, ValidationError};

/// One connection.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "ids_are_unambiguous"))]
pub struct Settings {
    /// Account id as the OAuth realm has it, such as `1234567_SB1`.
    #[validate(length(min = 1, max = 40))]
    pub account: String,
    /// Where the account answers; absent = `https://<account>.suitetalk.api.netsuite.com`.
    #[serde(default)]
    pub base_url: Option<Url>,
    /// How to sign in.
    pub auth: Auth,
    /// Certificate authorities (PEM) that are trusted instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Lets plain HTTP leave this machine; for networks that encrypt underneath.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// How far the integration user's time zone is from UTC: SuiteQL writes times in that zone.
    #[serde(default)]
    #[validate(range(min = -840, max = 840))]
    pub utc_offset_minutes: i32,
    /// Limits.
    #[serde(default)]
    #[validate(nested)]
    pub limits: Limits,
    /// Projects.
    pub project: ProjectSettings,
    /// Time entries.
    #[validate(nested)]
    pub time: TimeSettings,
    /// Expense reports.
    pub expense: ExpenseSettings,
    /// Resource allocations.
    pub allocation: AllocationSettings,
    /// Invoices.
    pub invoice: InvoiceSettings,
    /// Billing schedules.
    pub schedule: ScheduleSettings,
    /// Items that are charged other than time.
    pub items: Items,
    /// Script ids of custom fields; what has none here is not carried.
    #[serde(default)]
    pub fields: Fields,
    /// SuiteQL names that differ in this account, by collection (`time-entries`).
    #[serde(default)]
    pub tables: BTreeMap<String, TableNames>,
    /// Further custom fields to show as extensions: collection, canonical name, script id.
    #[serde(default)]
    pub extensions: BTreeMap<String, BTreeMap<String, String>>,
    /// Texts by which refusals are told apart, for the cases in which NetSuite's code says only `USER_ERROR`.
    #[serde(default)]
    pub texts: Texts,
}

/// How to sign in.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// OAuth 2.0 client credentials with a signed assertion: for new set-ups.
    Oauth2 {
        /// Client id of the integration record.
        client_id: String,
        /// Id of the uploaded certificate.
        certificate_id: String,
        /// The certificate's private key in PEM.
        private_key: SecretRef,
        /// How the assertion is signed.
        #[serde(default)]
        algorithm: Signature,
    },
    /// Token-based authentication (OAuth 1.0a, HMAC-SHA256): for set-ups from before 2027.
    Tba {
        /// Consumer key of the integration record.
        consumer_key: SecretRef,
        /// Its secret.
        consumer_secret: SecretRef,
        /// Token of user and role.
        token_id: SecretRef,
        /// Its secret.
        token_secret: SecretRef,
    },
}

/// How an assertion is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Signature {
    /// RSA-PSS with SHA-256.
    #[default]
    #[serde(rename = "PS256")]
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

/// Limits of the account and of our patience.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Time to connect.
    pub connect_timeout_ms: u64,
    /// Time for one call.
    pub timeout_ms: u64,
    /// Calls at a time: this connection's share of the account's concurrency limit.
    #[validate(range(min = 1, max = 100))]
    pub max_concurrent: u32,
    /// Records a page.
    #[validate(range(min = 1, max = 1000))]
    pub page_size: u32,
    /// Records a batch; NetSuite takes at most 100.
    #[validate(range(min = 1, max = 100))]
    pub batch_size: u32,
    /// First pause between two looks at an asynchronous job; it doubles up to two seconds.
    #[validate(range(min = 1, max = 2000))]
    pub job_poll_ms: u64,
    /// Longest wait for an asynchronous job.
    pub job_timeout_ms: u64,
    /// Pause to ask callers for when NetSuite is over its limit and names none.
    pub retry_after_ms: u64,
    /// How long after a change it may still become visible: younger changes are delivered again with the next call.
    #[validate(range(min = 1, max = 3600))]
    pub overlap_s: u32,
    /// How long currencies and people's addresses are remembered.
    pub directory_s: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 5_000,
            timeout_ms: 60_000,
            max_concurrent: 4,
            page_size: 200,
            batch_size: 100,
            job_poll_ms: 100,
            job_timeout_ms: 120_000,
            retry_after_ms: 2_000,
            overlap_s: 5,
            directory_s: 600,
        }
    }
}

/// One id for each way to charge.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByMethod {
    /// Time and materials.
    pub time_and_materials: String,
    /// Fixed fee.
    pub fixed_fee: String,
    /// Milestone.
    pub milestone: String,
    /// Retainer.
    pub retainer: String,
}

impl ByMethod {
    fn all(&self) -> [(BillingMethod, &str); 4] {
        [
            (BillingMethod::TimeAndMaterials, &self.time_and_materials),
            (BillingMethod::FixedFee, &self.fixed_fee),
            (BillingMethod::Milestone, &self.milestone),
            (BillingMethod::Retainer, &self.retainer),
        ]
    }

    /// The id of a method.
    #[must_use]
    pub fn id(&self, method: BillingMethod) -> &str {
        let all = self.all();
        all.iter()
            .find(|(known, _)| *known == method)
            .map_or("", |(_, id)| id)
    }

    /// The method of an id.
    #[must_use]
    pub fn method(&self, id: &str) -> Option<BillingMethod> {
        self.all()
            .iter()
            .find(|(_, known)| *known == id)
            .map(|(method, _)| *method)
    }
}

/// How this account sets up projects.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectSettings {
    /// Ids of `jobBillingType`.
    pub billing_types: ByMethod,
    /// Ids of `entityStatus` of a project that is set up; the first is written.
    pub planned: Vec<String>,
    /// Ids of one that runs.
    pub active: Vec<String>,
    /// Ids of one that takes no time any more.
    pub closed: Vec<String>,
    /// `projectExpenseType`, where the account demands it.
    #[serde(default)]
    pub expense_type: Option<String>,
}

/// One id for each state of approval.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalIds {
    /// Being written.
    pub draft: String,
    /// Waits for approval.
    pub submitted: String,
    /// Approved.
    pub approved: String,
    /// Sent back.
    pub rejected: String,
}

/// How this account keeps time.
#[derive(Debug, Clone, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct TimeSettings {
    /// Ids of `approvalStatus`.
    pub approval: ApprovalIds,
    /// Minutes of a day, to turn daily rates into NetSuite's hourly ones.
    #[validate(range(min = 1, max = 1440))]
    pub minutes_per_day: i64,
    /// Whether the account takes negative time, with which a posted entry is reversed.
    #[serde(default)]
    pub reversals: bool,
}

/// How this account keeps expenses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpenseSettings {
    /// Ids of `approvalStatus`.
    pub approval: ApprovalIds,
    /// Whether the account takes reports of a negative amount, with which a posted expense is reversed.
    #[serde(default)]
    pub reversals: bool,
}

/// How this account plans people.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllocationSettings {
    /// Id of the `allocationType` of confirmed assignments.
    pub confirmed: String,
    /// Id of that of tentative ones.
    pub tentative: String,
}

/// What invoice statuses mean.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceSettings {
    /// Ids of `status` of an invoice that is not paid in full.
    pub open: Vec<String>,
    /// Ids of one that is.
    pub paid: Vec<String>,
    /// Ids of one that was taken back.
    #[serde(default)]
    pub cancelled: Vec<String>,
    /// Ids of `approvalStatus` of an invoice that is not in the ledger yet.
    #[serde(default)]
    pub unapproved: Vec<String>,
}

/// How this account schedules charges.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// Ids of `scheduleType`.
    pub types: ByMethod,
    /// Value of the mandatory `frequency`, which our dated charges do not use.
    pub frequency: String,
}

/// Items that are charged other than time. Roles are the other service items.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// Of orders for time and materials.
    pub time_and_materials: String,
    /// Of agreed charges.
    pub fixed_fee: String,
    /// Of milestones.
    pub milestone: String,
    /// Of retainers.
    pub retainer: String,
    /// Of expenses taken back by a credit note.
    pub expenses: String,
    /// Of differences of a cent between a line and the time that it charges for; absent = such a line is refused.
    #[serde(default)]
    pub rounding: Option<String>,
}

impl Items {
    /// All of them: none is a role.
    pub(crate) fn all(&self) -> Vec<&str> {
        let fixed = [
            &self.time_and_materials,
            &self.fixed_fee,
            &self.milestone,
            &self.retainer,
            &self.expenses,
        ];
        fixed
            .into_iter()
            .chain(self.rounding.as_ref())
            .map(String::as_str)
            .collect()
    }

    /// The item of an order that is charged so.
    pub(crate) fn of_method(&self, method: BillingMethod) -> &str {
        match method {
            BillingMethod::TimeAndMaterials => &self.time_and_materials,
            BillingMethod::FixedFee => &self.fixed_fee,
            BillingMethod::Milestone => &self.milestone,
            BillingMethod::Retainer => &self.retainer,
        }
    }

    /// How an order of this item is charged; an order of a role is time and materials.
    pub(crate) fn method(&self, item: &str) -> BillingMethod {
        [
            BillingMethod::FixedFee,
            BillingMethod::Milestone,
            BillingMethod::Retainer,
        ]
        .into_iter()
        .find(|method| self.of_method(*method) == item)
        .unwrap_or(BillingMethod::TimeAndMaterials)
    }
}

/// Script ids of custom fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    /// Customer: web domain, to find it by.
    pub customer_domain: Option<String>,
    /// Customer: first tax registration number, to find it by.
    pub customer_tax_number: Option<String>,
    /// Project: region that delivers.
    pub project_region: Option<String>,
    /// Project: margin that was sold, in percent.
    pub project_margin: Option<String>,
    /// Project: rate card.
    pub project_rate_card: Option<String>,
    /// Allocation: service item of the role.
    pub allocation_role: Option<String>,
    /// Time: the entry that this one reverses.
    pub time_reverses: Option<String>,
    /// Time: who approved it and when.
    pub time_approval: Option<String>,
    /// Expense report: the expense that this one reverses.
    pub expense_reverses: Option<String>,
    /// Expense report: who approved it and when.
    pub expense_approval: Option<String>,
    /// Order: cap of all charges.
    pub order_cap: Option<String>,
    /// Order: rate card.
    pub order_rate_card: Option<String>,
    /// Invoice and credit memo: milestones and agreed charges that the lines are for.
    pub invoice_sources: Option<String>,
}

/// SuiteQL names of one collection.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TableNames {
    /// The table.
    pub name: Option<String>,
    /// The column of the last modification.
    pub changed: Option<String>,
}

/// Parts of NetSuite's texts, in the language of the integration user.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Texts {
    /// The date lies in a closed, locked or missing period.
    pub period_closed: Vec<String>,
    /// The external id is taken.
    pub record_exists: Vec<String>,
    /// A name or number is taken.
    pub duplicate: Vec<String>,
    /// The record is on an invoice.
    pub already_invoiced: Vec<String>,
    /// The time or expense is not approved.
    pub not_approved: Vec<String>,
    /// The project takes no time or no expenses.
    pub project_closed: Vec<String>,
    /// A mandatory value is missing.
    pub value_missing: Vec<String>,
    /// A value is too long.
    pub value_too_long: Vec<String>,
    /// A value is not one that the field takes.
    pub invalid_value: Vec<String>,
    /// No tax could be determined.
    pub tax_undetermined: Vec<String>,
    /// Somebody else holds the record.
    pub locked: Vec<String>,
    /// The record type is switched off.
    pub type_absent: Vec<String>,
    /// A property that NetSuite does not know.
    pub unknown_property: Vec<String>,
}

impl Default for Texts {
    fn default() -> Self {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Self {
            period_closed: texts(&["not within the date range of your accounting period"]),
            record_exists: texts(&["This record already exists"]),
            duplicate: texts(&["record with this ID already exists"]),
            already_invoiced: texts(&["already been billed", "has been billed"]),
            not_approved: texts(&["is not approved"]),
            project_closed: texts(&["does not allow time entry", "does not allow expenses"]),
            value_missing: texts(&["Please enter value(s) for"]),
            value_too_long: texts(&["more than the maximum number"]),
            invalid_value: texts(&["Invalid Field Value"]),
            tax_undetermined: texts(&["TAX_CALCULATION_ENGINE"]),
            locked: texts(&["locked by a user defined workflow"]),
            type_absent: texts(&["Record type"]),
            unknown_property: texts(&["Unknown property"]),
        }
    }
}

impl Settings {
    /// Where the account answers.
    ///
    /// # Errors
    /// Fault `invalid_settings` when the account id makes no host name.
    pub fn base_url(&self) -> Result<Url> {
        if let Some(url) = &self.base_url {
            return Ok(url.clone());
        }
        let host = self.account.to_lowercase().replace('_', "-");
        Url::parse(&format!("https://{host}.suitetalk.api.netsuite.com")).map_err(|error| {
            let message = format!("the account id {:?} makes no host name: {error}", self.account);
            Failure::fault("invalid_settings", message)
        })
    }
}

/// An id that stands for two things could not be read back.
fn ids_are_unambiguous(settings: &Settings) -> std::result::Result<(), ValidationError> {
    let methods = |ids: &ByMethod| ids.all().map(|(_, id)| id.to_owned()).to_vec();
    let approval = |ids: &ApprovalIds| {
        [&ids.draft, &ids.submitted, &ids.approved, &ids.rejected]
            .map(Clone::clone)
            .to_vec()
    };
    let project = &settings.project;
    let lists = [
        ("project.billing_types", methods(&project.billing_types)),
        ("schedule.types", methods(&settings.schedule.types)),
        (
            "project statuses",
            [&project.planned[..], &project.active, &project.closed].concat(),
        ),
        ("time.approval", approval(&settings.time.approval)),
        ("expense.approval", approval(&settings.expense.approval)),
        (
            "items",
            settings.items.all().into_iter().map(str::to_owned).collect(),
        ),
        (
            "invoice statuses",
            [
                &settings.invoice.open[..],
                &settings.invoice.paid,
                &settings.invoice.cancelled,
            ]
            .concat(),
        ),
    ];
    for (name, ids) in lists {
        let distinct: BTreeSet<&String> = ids.iter().collect();
        if distinct.len() != ids.len() || ids.iter().any(String::is_empty) {
            let mut error = ValidationError::new("ambiguous_ids");
            error.message = Some(format!("the ids of {name} must be there and differ").into());
            return Err(error);
        }
    }
    let statuses = [&project.planned, &project.active, &project.closed];
    if statuses.into_iter().any(Vec::is_empty) {
        return Err(ValidationError::new("each project status needs an id"));
    }
    Ok(())
}
