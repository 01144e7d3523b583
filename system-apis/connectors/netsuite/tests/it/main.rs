//! The connector against the NetSuite twin.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail where it stands"
)]

mod conformance;
mod failures;
mod lost_answers;
mod mapping;
mod page_shift;
mod reversals;

use std::path::PathBuf;

use canonical_model::{
    Account, Address, ApprovalState, BillingMethod, Currency, EffectKey, Expense, Invoice, InvoiceLine,
    InvoiceStatus, LineSource, Minutes, Money, Project, ProjectStatus, Rate, RatePer, RecordRef, Resource,
    SourceKind, Task, TimeEntry, Write, Written,
};
use chrono::NaiveDate;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use netsuite_connector::{EXAMPLE, NetSuite, Settings};
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};
use system_ports::{Collection, ErpPort};
use vendor_twins::netsuite::{
    DEVELOPMENT_CERTIFICATE_ID, DEVELOPMENT_PRIVATE_KEY_PEM, NetSuite as Twin, NetSuiteSettings,
};
use vendor_twins::server::{RunningTwin, serve};
use vendor_twins::store::{Store, system_clock};

/// Deutschland, and its people and roles in the seed.
const GERMANY: &str = "3";
const ANNA: &str = "11";
const CONSULTANT: &str = "103";

/// A running account and a connection to it.
struct Books {
    erp: NetSuite,
    base: String,
    http: reqwest::Client,
    token: String,
    secrets: tempfile::TempDir,
    _twin: RunningTwin,
}

/// Settings of the development account at another address, signed in by the example's way or another.
fn settings(base: &str, secrets: &tempfile::TempDir, auth: Option<toml::Table>) -> Settings {
    let mut table: toml::Table = toml::from_str(EXAMPLE).unwrap();
    table.insert("base_url".into(), base.into());
    table.insert("auth".into(), auth.unwrap_or_else(|| oauth2(secrets)).into());
    table.try_into().unwrap()
}

fn secret(secrets: &tempfile::TempDir, name: &str, content: &str) -> String {
    let path: PathBuf = secrets.path().join(name);
    std::fs::write(&path, content).unwrap();
    format!("file:{}", path.display())
}

fn oauth2(secrets: &tempfile::TempDir) -> toml::Table {
    let mut auth: toml::Table = toml::from_str(EXAMPLE).unwrap();
    let mut auth = auth.remove("auth").unwrap().try_into::<toml::Table>().unwrap();
    auth.insert(
        "private_key".into(),
        secret(secrets, "key.pem", DEVELOPMENT_PRIVATE_KEY_PEM).into(),
    );
    auth
}

#[expect(clippy::disallowed_methods, reason = "test client")]
fn http() -> reqwest::Client {
    reqwest::Client::new()
}

impl Books {
    async fn open() -> Self {
        Self::with(NetSuiteSettings::default()).await
    }

    async fn with(account: NetSuiteSettings) -> Self {
        let twin = serve(Twin::new(Store::in_memory(system_clock()), account), 0).unwrap();
        let secrets = tempfile::tempdir().unwrap();
        let base = twin.base_url.clone();
        let http = http();
        Self {
            erp: NetSuite::connect("erp/main", &settings(&base, &secrets, None)).unwrap(),
            token: token(&http, &base).await,
            base,
            http,
            secrets,
            _twin: twin,
        }
    }

    /// A call as another client of the account makes it.
    async fn raw(&self, method: &str, path: &str, body: Value) -> (u16, Value, Option<String>) {
        let url = format!("{}/services/rest/{path}", self.base);
        let request = self
            .http
            .request(method.parse().unwrap(), url)
            .bearer_auth(&self.token);
        let request = if path.starts_with("query") {
            request.header("prefer", "transient")
        } else {
            request
        };
        let answer = if body.is_null() {
            request
        } else {
            request.json(&body)
        }
        .send()
        .await
        .unwrap();
        let status = answer.status().as_u16();
        let location = answer
            .headers()
            .get("location")
            .map(|l| l.to_str().unwrap().rsplit('/').next().unwrap().to_owned());
        let text = answer.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or(Value::Null),
            location,
        )
    }

    /// A record with its lines as the vendor shows it.
    async fn record(&self, kind: &str, id: &str) -> Value {
        let (status, body, _) = self
            .raw(
                "GET",
                &format!("record/v1/{kind}/{id}?expandSubResources=true"),
                Value::Null,
            )
            .await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn faults(&self, rules: Value) {
        let url = format!("{}/_twin/faults", self.base);
        let answer = self
            .http
            .put(url)
            .json(&json!({ "rules": rules }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 204);
    }

    /// How often each rule has acted.
    async fn fired(&self) -> Vec<u64> {
        let answer = self
            .http
            .get(format!("{}/_twin/faults", self.base))
            .send()
            .await
            .unwrap();
        let report: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        report
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["fired"].as_u64().unwrap())
            .collect()
    }

    /// How many records of a type were created by anybody.
    async fn created(&self, table: &str) -> usize {
        let answer = self
            .http
            .get(format!("{}/_twin/writes", self.base))
            .send()
            .await
            .unwrap();
        let log: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let entries = log.as_array().unwrap();
        entries
            .iter()
            .filter(|e| e["table"] == table && e["verb"] == "create")
            .count()
    }

    /// A customer, its project and a task.
    async fn engagement(&self, name: &str) -> Engagement {
        let account = write(self.erp.accounts(), &format!("{name}-account"), account(name))
            .await
            .id;
        let project = write(
            self.erp.projects(),
            &format!("{name}-project"),
            project(name, &account),
        )
        .await
        .id;
        let task = write(
            self.erp.tasks(),
            &format!("{name}-task"),
            task("Analysis", &project),
        )
        .await
        .id;
        Engagement {
            account,
            project,
            task,
        }
    }
}

/// Ids of something to work on.
struct Engagement {
    account: String,
    project: String,
    task: String,
}

async fn token(http: &reqwest::Client, base: &str) -> String {
    let mut header = Header::new(Algorithm::PS256);
    header.kid = Some(DEVELOPMENT_CERTIFICATE_ID.to_owned());
    let now = chrono::Utc::now().timestamp();
    let url = format!("{base}/services/rest/auth/oauth2/v1/token");
    let claims = json!({"iss": "fairlead-development", "scope": "rest_webservices", "aud": url, "iat": now, "exp": now + 60});
    let key = EncodingKey::from_rsa_pem(DEVELOPMENT_PRIVATE_KEY_PEM.as_bytes()).unwrap();
    let assertion = jsonwebtoken::encode(&header, &claims, &key).unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", &assertion),
    ];
    let answer: Value = http
        .post(url)
        .form(&form)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn key(text: &str) -> EffectKey {
    text.parse().unwrap()
}

fn create<T>(key_text: &str, record: T) -> Write<T> {
    Write {
        key: key(key_text),
        id: None,
        expected_version: None,
        record,
    }
}

/// Writes one record and expects it to be taken.
async fn write<T: Resource>(collection: &dyn Collection<T>, key: &str, record: T) -> Written {
    try_write(collection, create(key, record))
        .await
        .unwrap_or_else(|failure| panic!("{key}: {failure:?}"))
}

async fn try_write<T: Resource>(
    collection: &dyn Collection<T>,
    write: Write<T>,
) -> canonical_model::Result<Written> {
    let results = collection.write(&[write]).await;
    assert_eq!(results.len(), 1);
    results.into_iter().next().unwrap().into_result()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn eur(amount: Decimal) -> Money {
    Money::new(amount, Currency::EUR)
}

fn account(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        parent: None,
        website: Some(format!(
            "https://www.{}.example/about",
            name.to_lowercase().replace(' ', "-")
        )),
        phone: Some("+49 89 1234".to_owned()),
        email: Some(format!(
            "invoices@{}.example",
            name.to_lowercase().replace(' ', "-")
        )),
        tax_registrations: vec![canonical_model::TaxRegistration {
            country: "DE".into(),
            number: format!("DE-{name}"),
        }],
        billing_address: Some(Address {
            lines: vec!["Ring 1".into(), "Haus 2".into()],
            city: Some("Munich".into()),
            region: None,
            postal_code: Some("80331".into()),
            country: "DE".into(),
        }),
        payment_terms: Some(RecordRef::id("Net 30")),
        legal_entity: Some(RecordRef::id(GERMANY)),
        currency: Some(Currency::EUR),
        financials: None,
    }
}

fn project(code: &str, account: &str) -> Project {
    Project {
        code: code.to_owned(),
        name: format!("{code} strategy"),
        account: Some(RecordRef::id(account)),
        legal_entity: Some(RecordRef::id(GERMANY)),
        region: Some("EMEA".into()),
        manager: Some(RecordRef::id(ANNA)),
        billing_method: Some(BillingMethod::TimeAndMaterials),
        currency: Currency::EUR,
        budget: Some(eur(dec!(120000))),
        target_margin_percent: Some(dec!(35.5)),
        rate_card: None,
        start_date: Some(day("2026-10-01")),
        end_date: Some(day("2027-03-31")),
        status: ProjectStatus::Active,
    }
}

fn task(name: &str, project: &str) -> Task {
    Task {
        name: name.to_owned(),
        project: RecordRef::id(project),
        parent: None,
        billable: true,
        planned_minutes: Some(Minutes::new(2430)),
        start_date: Some(day("2026-10-01")),
        end_date: Some(day("2026-12-31")),
        completed: false,
    }
}

fn time(engagement: &Engagement, date: &str, minutes: i64) -> TimeEntry {
    TimeEntry {
        person: RecordRef::id(ANNA),
        project: RecordRef::id(&engagement.project),
        task: Some(RecordRef::id(&engagement.task)),
        role: Some(RecordRef::id(CONSULTANT)),
        date: day(date),
        minutes: Minutes::new(minutes),
        billable: true,
        rate: Some(Rate {
            money: eur(dec!(150)),
            per: RatePer::Hour,
        }),
        cost_rate: None,
        legal_entity: Some(RecordRef::id(GERMANY)),
        tax_code: None,
        note: Some("Grid model".into()),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: None,
    }
}

fn expense(engagement: &Engagement, date: &str, amount: Money) -> Expense {
    Expense {
        person: RecordRef::id(ANNA),
        project: RecordRef::id(&engagement.project),
        task: Some(RecordRef::id(&engagement.task)),
        category: RecordRef::id("Travel"),
        date: day(date),
        amount,
        fx_rate: None,
        billable: true,
        reimbursable: true,
        legal_entity: None,
        tax_code: None,
        note: Some("Train".into()),
        approval: ApprovalState::Approved,
        approved_by: None,
        approved_at: None,
        invoice: None,
        reverses: None,
    }
}

fn line(description: &str, amount: Decimal, kind: SourceKind, ids: &[&str]) -> InvoiceLine {
    InvoiceLine {
        description: description.to_owned(),
        quantity: dec!(1),
        unit_price: eur(amount),
        amount: eur(amount),
        role: None,
        tax_code: None,
        sources: ids
            .iter()
            .map(|id| LineSource {
                kind,
                record: RecordRef::id(*id),
            })
            .collect(),
    }
}

fn invoice(engagement: &Engagement, date: &str, lines: Vec<InvoiceLine>) -> Invoice {
    Invoice {
        number: None,
        account: RecordRef::id(&engagement.account),
        project: Some(RecordRef::id(&engagement.project)),
        legal_entity: Some(RecordRef::id(GERMANY)),
        date: day(date),
        due_date: None,
        currency: Currency::EUR,
        purchase_order: Some("PO-77".into()),
        memo: Some("November".into()),
        lines,
        net: None,
        tax: None,
        total: None,
        amount_paid: None,
        status: InvoiceStatus::Open,
    }
}
