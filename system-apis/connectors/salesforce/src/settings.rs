//! How to reach one org, and what its administrator called things.
//!
//! `config/vendors/salesforce.toml` documents every key with its default and the consequence. Defaults are the names of
//! the development org. Nothing here is read while a call is made but names and limits.

use std::collections::BTreeMap;
use std::path::PathBuf;

use canonical_model::Currency;
use egress::SecretRef;
use serde::Deserialize;
use url::Url;
use validator::{Validate, ValidationError};

/// Settings of one Salesforce connection.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
#[validate(schema(function = "check"))]
pub struct Settings {
    /// The org's My Domain address; `https://login.salesforce.com` works for the JWT flow only.
    pub login_url: Url,
    /// Further hosts that a sign-in may send us to.
    #[serde(default = "salesforce_hosts")]
    pub allowed_hosts: Vec<String>,
    /// Version of the REST API, such as `62.0`.
    #[serde(default = "api_version")]
    pub api_version: String,
    /// How to sign in.
    pub auth: Auth,
    /// Certificate authorities (PEM) to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Lets plain HTTP leave this machine; for networks that encrypt underneath.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// How much, how fast, how long.
    #[serde(default)]
    #[validate(nested)]
    pub limits: Limits,
    /// Whether the org has several currencies: without, no object has `CurrencyIsoCode`.
    #[serde(default = "yes")]
    pub multi_currency: bool,
    /// The one currency of an org that has one.
    #[serde(default)]
    pub corporate_currency: Option<Currency>,
    /// Whether State and Country/Territory Picklists are on: countries are then read and written as codes.
    #[serde(default)]
    pub country_codes: bool,
    /// Spellings of countries that the org's people use, and the codes that they mean.
    #[serde(default)]
    pub countries: BTreeMap<String, String>,
    /// Accounts.
    #[serde(default)]
    pub account: AccountNames,
    /// Contacts.
    #[serde(default)]
    pub contact: ContactNames,
    /// Opportunities.
    #[serde(default)]
    pub opportunity: OpportunityNames,
    /// Lines of opportunities.
    #[serde(default)]
    pub opportunity_line: OpportunityLineNames,
    /// Contracts.
    #[serde(default)]
    pub contract: ContractNames,
    /// The custom object for planned time.
    #[serde(default)]
    pub assignment: AssignmentNames,
    /// The custom object for invoices.
    #[serde(default)]
    pub invoice: InvoiceNames,
    /// The org's words for canonical states.
    #[serde(default)]
    pub words: Words,
    /// Where the state of other systems is noted.
    #[serde(default)]
    pub links: Links,
    /// Further fields that are read into `extensions`, by canonical name.
    #[serde(default)]
    pub extensions: Extensions,
}

/// How to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "flow", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// OAuth 2.0 client credentials; runs as the user that the connected app names.
    ClientCredentials {
        /// Consumer key.
        client_id: String,
        /// Consumer secret.
        client_secret: SecretRef,
    },
    /// OAuth 2.0 JWT bearer: an assertion signed with the key whose certificate is uploaded to the app.
    JwtBearer {
        /// Consumer key.
        client_id: String,
        /// The user to run as.
        username: String,
        /// RSA private key, PEM.
        private_key: SecretRef,
        /// `https://login.salesforce.com` or `https://test.salesforce.com`; absent = the login address.
        #[serde(default)]
        audience: Option<String>,
    },
    /// A refresh token that a person granted once.
    RefreshToken {
        /// Consumer key.
        client_id: String,
        /// Consumer secret, where the app's policy wants it.
        #[serde(default)]
        client_secret: Option<SecretRef>,
        /// The token.
        refresh_token: SecretRef,
        /// Where the newest token is kept when the app rotates them; without it a restart loses the grant.
        #[serde(default)]
        rotated_token_file: Option<PathBuf>,
    },
}

/// How much, how fast, how long.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Time for one call.
    #[validate(range(min = 1000, max = 600_000))]
    pub timeout_ms: u64,
    /// Calls started a second; absent = no limit of ours.
    pub rate_per_second: Option<u32>,
    /// Calls under way at once.
    #[validate(range(min = 1, max = 25))]
    pub max_concurrent: u32,
    /// How long a session is used before another is opened; the vendor does not say how long it holds.
    #[validate(range(min = 60, max = 86_400))]
    pub session_s: u64,
    /// Longest URL of a query.
    #[validate(range(min = 2000, max = 16_000))]
    pub max_url_bytes: usize,
    /// Records in one collections call.
    #[validate(range(min = 1, max = 200))]
    pub batch_size: usize,
    /// From so many writes on they go through a Bulk API 2.0 job.
    #[validate(range(min = 2))]
    pub bulk_from: usize,
    /// How long a bulk job is waited for before its outcome is left to a look-up.
    #[validate(range(min = 1, max = 3600))]
    pub bulk_timeout_s: u64,
    /// How far each reading of changes goes back: commits become visible later than their stamps.
    #[validate(range(max = 3600))]
    pub changes_overlap_s: u32,
    /// How long to wait when the org's daily limit is reached.
    pub limit_pause_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout_ms: 60_000,
            rate_per_second: None,
            max_concurrent: 8,
            session_s: 1_800,
            max_url_bytes: 12_000,
            batch_size: 200,
            bulk_from: 600,
            bulk_timeout_s: 300,
            changes_overlap_s: 300,
            limit_pause_ms: 60_000,
        }
    }
}

/// The API name of an object or field; an empty text says that this org has no such field.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct FieldName(String);

impl FieldName {
    fn of(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name, where the org has the field.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        (!self.0.is_empty()).then_some(self.0.as_str())
    }

    /// The name of something that every org has; checked when settings are.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for FieldName {
    type Error = String;

    /// Names go into queries as they are: nothing but a name may pass.
    fn try_from(text: String) -> Result<Self, String> {
        let begins = text.chars().next().is_none_or(|c| c.is_ascii_alphabetic());
        if begins && text.len() <= 80 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Ok(Self(text));
        }
        Err(format!("{text:?} is no API name of Salesforce"))
    }
}

/// A table of names: one struct a noun, each field with the development org's name as its default. A macro, because
/// structure, defaults and the list for the check must not drift apart.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident = $default:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: FieldName),+
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: FieldName::of($default)),+ }
            }
        }
    };
}

names! {
    /// Accounts. `Name`, `ParentId`, `Website`, `Phone` and the billing address are standard.
    AccountNames {
        /// The object.
        object = "Account",
        /// Our key: text of 64, external id, unique.
        key = "Fairlead_Id__c",
        /// Address for invoices.
        email = "",
        /// Tax registration number.
        tax_registration = "Tax_Registration__c",
        /// The legal entity that sells.
        legal_entity = "Legal_Entity__c",
        /// Payment terms.
        payment_terms = "Payment_Terms__c",
        /// Status of the newest open invoice.
        invoice_status = "Invoice_Status__c",
        /// Net billed, in the account's currency.
        billed_to_date = "Billed_To_Date__c",
        /// Received, in the account's currency.
        collected_to_date = "Collected_To_Date__c",
        /// Days sales outstanding.
        dso_days = "DSO_Days__c",
        /// Margin in percent.
        margin_percent = "Margin_Percent__c",
        /// The day of these figures.
        financials_as_of = "Financials_As_Of__c",
    }
}

names! {
    /// Contacts. Names, `Email`, `Phone`, `Title` and `AccountId` are standard.
    ContactNames {
        /// The object.
        object = "Contact",
        /// Our key.
        key = "Fairlead_Id__c",
    }
}

names! {
    /// Opportunities. `Name`, `AccountId`, `Amount`, `CloseDate`, `IsClosed` and `IsWon` are standard.
    OpportunityNames {
        /// The object.
        object = "Opportunity",
        /// Our key; opportunities are made by people, so it is read, never written.
        key = "Fairlead_Id__c",
        /// Id of the project that it became.
        project_id = "Project_Id__c",
        /// Code of that project.
        project_code = "Project_Code__c",
        /// State of that project.
        project_status = "Project_Status__c",
        /// The legal entity that sells.
        legal_entity = "Legal_Entity__c",
        /// The region that delivers.
        region = "Region__c",
        /// How it is charged: picklist, words in `[words.billing_method]`.
        billing_method = "Billing_Method__c",
        /// Margin sold, in percent.
        target_margin = "Target_Margin__c",
        /// E-mail address of the project manager.
        project_manager = "Project_Manager_Email__c",
        /// Day of signature.
        signature_date = "Signature_Date__c",
        /// First day.
        start_date = "Start_Date__c",
        /// Last day.
        end_date = "End_Date__c",
        /// The client's purchase order.
        purchase_order = "Purchase_Order__c",
        /// Name of the rate card.
        rate_card = "Rate_Card__c",
        /// Cap, in the opportunity's currency.
        cap = "Cap_Amount__c",
    }
}

names! {
    /// Lines of opportunities. `Description`, `TotalPrice` and `Product2.Name` are standard.
    OpportunityLineNames {
        /// The relationship from the opportunity to its lines.
        relationship = "OpportunityLineItems",
        /// The role sold.
        role = "Role__c",
        /// Hours sold.
        hours = "Hours__c",
        /// Price of an hour, in the opportunity's currency.
        bill_rate = "Bill_Rate__c",
        /// First day.
        start_date = "Start_Date__c",
        /// Last day.
        end_date = "End_Date__c",
        /// The part of the project.
        workstream = "Workstream__c",
        /// Day the milestone is due.
        milestone_date = "Milestone_Date__c",
    }
}

names! {
    /// Contracts. `AccountId`, `StartDate`, `ContractNumber` and `CustomerSignedDate` are standard.
    ContractNames {
        /// The object.
        object = "Contract",
        /// Our key.
        key = "Fairlead_Id__c",
        /// What it is called.
        name = "Contract_Name__c",
        /// Lookup to the opportunity.
        opportunity = "Opportunity__c",
        /// Id of the project.
        project_id = "Project_Id__c",
        /// The legal entity that sells.
        legal_entity = "Legal_Entity__c",
        /// How it is charged. A contract without it is not shown: it is none of the loop's.
        billing_method = "Billing_Method__c",
        /// Value, in the contract's currency.
        amount = "Amount__c",
        /// Cap, in the contract's currency.
        cap = "Cap_Amount__c",
        /// The client's purchase order.
        purchase_order = "Purchase_Order__c",
        /// Name of the rate card.
        rate_card = "Rate_Card__c",
        /// Last day; the standard field is computed from a term in months.
        end_date = "End_Date__c",
    }
}

names! {
    /// Planned time, a custom object below the opportunity.
    AssignmentNames {
        /// The object.
        object = "Fairlead_Allocation__c",
        /// Our key.
        key = "Fairlead_Id__c",
        /// What the related list shows; empty where the org numbers the records.
        title = "Name",
        /// Lookup to the opportunity.
        opportunity = "Opportunity__c",
        /// Who, by id.
        person = "Person__c",
        /// Who, by e-mail address.
        person_email = "Person_Email__c",
        /// As what.
        role = "Role__c",
        /// First day.
        start_date = "Start_Date__c",
        /// Last day.
        end_date = "End_Date__c",
        /// Hours over those days, two digits after the point.
        hours = "Hours__c",
        /// How firm: words in `[words.assignment]`.
        status = "Status__c",
    }
}

names! {
    /// Invoices, a custom object below the account: what sales needs to see, not the document.
    InvoiceNames {
        /// The object.
        object = "Fairlead_Invoice__c",
        /// Our key.
        key = "Fairlead_Id__c",
        /// What the related list shows; empty where the org numbers the records.
        title = "Name",
        /// Lookup to the account.
        account = "Account__c",
        /// Lookup to the opportunity.
        opportunity = "Opportunity__c",
        /// The ERP's number.
        number = "Number__c",
        /// Where it stands: words in `[words.invoice]`.
        status = "Status__c",
        /// Invoice date.
        date = "Invoice_Date__c",
        /// Day by which it shall be paid.
        due_date = "Due_Date__c",
        /// Gross.
        total = "Total__c",
        /// Paid so far.
        amount_paid = "Amount_Paid__c",
    }
}

names! {
    /// Fields that note how another system stands with a record.
    LinkNames {
        /// The id there.
        id = "",
        /// The company of the firm that keeps it there: the message of a link that succeeded.
        entity = "",
        /// `Pending`, `Succeeded` or `Failed`.
        state = "",
        /// What users should know: the message of a link that has not succeeded.
        message = "",
    }
}

/// Words of the org for states.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    /// Billing methods of opportunities and contracts.
    pub billing_method: BillingWords,
    /// How firm planned time is.
    pub assignment: AssignmentWords,
    /// Where an invoice stands.
    pub invoice: InvoiceWords,
}

/// Words for billing methods.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the canonical words")]
pub struct BillingWords {
    pub time_and_materials: String,
    pub fixed_fee: String,
    pub milestone: String,
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

/// Words for planned time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the canonical words")]
pub struct AssignmentWords {
    pub tentative: String,
    pub confirmed: String,
    pub cancelled: String,
}

impl Default for AssignmentWords {
    fn default() -> Self {
        Self {
            tentative: "Tentative".to_owned(),
            confirmed: "Confirmed".to_owned(),
            cancelled: "Cancelled".to_owned(),
        }
    }
}

/// Words for invoices.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the canonical words")]
pub struct InvoiceWords {
    pub draft: String,
    pub open: String,
    pub paid: String,
    pub cancelled: String,
}

impl Default for InvoiceWords {
    fn default() -> Self {
        Self {
            draft: "Draft".to_owned(),
            open: "Open".to_owned(),
            paid: "Paid".to_owned(),
            cancelled: "Cancelled".to_owned(),
        }
    }
}

/// Where the state of other systems is noted, by the other system's name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// On accounts.
    pub account: BTreeMap<String, LinkNames>,
    /// On opportunities.
    pub opportunity: BTreeMap<String, LinkNames>,
}

impl Default for Links {
    fn default() -> Self {
        let names = |id: &str, entity: &str| LinkNames {
            id: FieldName::of(id),
            entity: FieldName::of(entity),
            state: FieldName::of("Fairlead_State__c"),
            message: FieldName::of("Fairlead_Message__c"),
        };
        Self {
            account: BTreeMap::from([("erp".to_owned(), names("ERP_Id__c", "ERP_Entity__c"))]),
            opportunity: BTreeMap::from([("psa".to_owned(), names("Project_Id__c", ""))]),
        }
    }
}

/// Further fields by canonical name.
pub type ExtensionNames = BTreeMap<String, FieldName>;

/// Further fields that are read into `extensions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "one table a noun")]
pub struct Extensions {
    pub account: ExtensionNames,
    pub contact: ExtensionNames,
    pub opportunity: ExtensionNames,
    pub contract: ExtensionNames,
    pub assignment: ExtensionNames,
    pub invoice: ExtensionNames,
}

impl Settings {
    /// Settings with every default.
    #[must_use]
    pub fn new(login_url: Url, auth: Auth) -> Self {
        Self {
            login_url,
            allowed_hosts: salesforce_hosts(),
            api_version: api_version(),
            auth,
            ca_file: None,
            allow_plain_http: false,
            limits: Limits::default(),
            multi_currency: true,
            corporate_currency: None,
            country_codes: false,
            countries: BTreeMap::new(),
            account: AccountNames::default(),
            contact: ContactNames::default(),
            opportunity: OpportunityNames::default(),
            opportunity_line: OpportunityLineNames::default(),
            contract: ContractNames::default(),
            assignment: AssignmentNames::default(),
            invoice: InvoiceNames::default(),
            words: Words::default(),
            links: Links::default(),
            extensions: Extensions::default(),
        }
    }
}

fn check(settings: &Settings) -> Result<(), ValidationError> {
    let refuse = |why: String| {
        let mut error = ValidationError::new("salesforce_settings");
        error.message = Some(why.into());
        Err(error)
    };
    let version = settings
        .api_version
        .strip_suffix(".0")
        .and_then(|v| v.parse::<u32>().ok());
    // Before 53 a failed row of a bulk job does not say which record it was.
    if version.is_none_or(|v| v < 53) {
        return refuse(format!(
            "api_version {:?} is no version from 53.0 on",
            settings.api_version
        ));
    }
    if !settings.multi_currency && settings.corporate_currency.is_none() {
        return refuse("an org with one currency needs corporate_currency".to_owned());
    }
    if let Some((name, code)) = settings
        .countries
        .iter()
        .find(|(_, code)| !crate::mapping::is_country(code))
    {
        return refuse(format!(
            "countries: {name} is mapped to {code:?}, which is no ISO 3166 code"
        ));
    }
    for (key, name) in needed(settings) {
        if name.get().is_none() {
            return refuse(format!(
                "{key} may not be empty: every record of that kind needs it"
            ));
        }
    }
    Ok(())
}

/// Names without which a canonical record cannot be read or kept single.
fn needed(settings: &Settings) -> [(&'static str, &FieldName); 27] {
    let Settings {
        account,
        contact,
        opportunity,
        contract,
        assignment,
        invoice,
        ..
    } = settings;
    [
        ("account.object", &account.object),
        ("account.key", &account.key),
        ("contact.object", &contact.object),
        ("contact.key", &contact.key),
        ("opportunity.object", &opportunity.object),
        ("opportunity.key", &opportunity.key),
        (
            "opportunity_line.relationship",
            &settings.opportunity_line.relationship,
        ),
        ("contract.object", &contract.object),
        ("contract.key", &contract.key),
        ("contract.name", &contract.name),
        ("contract.billing_method", &contract.billing_method),
        ("contract.amount", &contract.amount),
        ("assignment.object", &assignment.object),
        ("assignment.key", &assignment.key),
        ("assignment.opportunity", &assignment.opportunity),
        ("assignment.start_date", &assignment.start_date),
        ("assignment.end_date", &assignment.end_date),
        ("assignment.hours", &assignment.hours),
        ("assignment.status", &assignment.status),
        ("assignment.person", &assignment.person),
        ("invoice.object", &invoice.object),
        ("invoice.key", &invoice.key),
        ("invoice.account", &invoice.account),
        ("invoice.number", &invoice.number),
        ("invoice.status", &invoice.status),
        ("invoice.date", &invoice.date),
        ("invoice.total", &invoice.total),
    ]
}

fn salesforce_hosts() -> Vec<String> {
    vec!["*.salesforce.com".to_owned()]
}

fn api_version() -> String {
    "62.0".to_owned()
}

fn yes() -> bool {
    true
}
