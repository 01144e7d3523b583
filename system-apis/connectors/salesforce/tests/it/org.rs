//! A running org with a connector to it, and its control surface.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use canonical_model::{
    Account, Assignment, AssignmentState, BillingMethod, Contact, Contract, Currency, EffectKey, Invoice,
    InvoiceStatus, Minutes, Money, RecordRef, Write, Written,
};
use chrono::NaiveDate;
use salesforce_connector::{Auth, Salesforce, Settings};
use serde_json::{Value, json};
use system_ports::{Collection, CrmPort};
use vendor_twins::salesforce::{Salesforce as Twin, SalesforceSettings};
use vendor_twins::server::{RunningTwin, Twin as _, serve};
use vendor_twins::store::{Caller, Clock, Fields, Store};

pub(crate) struct Org {
    pub(crate) crm: Salesforce,
    pub(crate) settings: Settings,
    twin: Arc<Twin>,
    hours: Arc<AtomicI64>,
    running: RunningTwin,
    http: reqwest::Client,
    _secret: tempfile::NamedTempFile,
}

/// Each reading is a few milliseconds after the one before, so that the org's stamps tell writes apart.
fn ticking_clock(hours: Arc<AtomicI64>) -> Clock {
    let ticks = AtomicI64::new(0);
    Arc::new(move || {
        let tick = ticks.fetch_add(5, Ordering::Relaxed);
        let later = chrono::Duration::hours(hours.load(Ordering::Relaxed));
        chrono::Utc::now() + later + chrono::Duration::milliseconds(tick)
    })
}

pub(crate) fn secret(text: &str) -> (tempfile::NamedTempFile, egress::SecretRef) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    write!(file, "{text}").unwrap();
    let reference = format!("file:{}", file.path().display()).try_into().unwrap();
    (file, reference)
}

#[expect(clippy::disallowed_methods, reason = "test client of the control surface")]
fn http() -> reqwest::Client {
    reqwest::Client::new()
}

impl Org {
    pub(crate) async fn start() -> Self {
        Self::with(SalesforceSettings::default(), |_| {}).await
    }

    pub(crate) async fn with(org: SalesforceSettings, change: impl FnOnce(&mut Settings)) -> Self {
        let hours = Arc::<AtomicI64>::default();
        let twin = Twin::new(Store::in_memory(ticking_clock(Arc::clone(&hours))), org);
        let running = serve(Arc::<Twin>::clone(&twin), 0).unwrap();
        let (file, client_secret) = secret("fairlead-development-secret");
        let auth = Auth::ClientCredentials {
            client_id: "fairlead-development".to_owned(),
            client_secret,
        };
        let mut settings = Settings::new(running.base_url.parse().unwrap(), auth);
        settings.limits.changes_overlap_s = 10;
        change(&mut settings);
        let crm = Salesforce::connect("crm/main", &settings).unwrap();
        Self {
            crm,
            settings,
            twin,
            hours,
            running,
            http: http(),
            _secret: file,
        }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.running.base_url
    }

    /// Time passes in the org.
    pub(crate) fn pass_hours(&self, hours: i64) {
        self.hours.fetch_add(hours, Ordering::Relaxed);
    }

    pub(crate) async fn faults(&self, rules: Value) {
        let url = format!("{}/_twin/faults", self.running.base_url);
        let body = json!({"rules": rules}).to_string();
        let request = self
            .http
            .put(url)
            .header("content-type", "application/json")
            .body(body);
        assert_eq!(request.send().await.unwrap().status(), 204);
    }

    /// How often each fault rule acted.
    pub(crate) async fn fired(&self) -> Vec<u64> {
        let url = format!("{}/_twin/faults", self.running.base_url);
        let text = self.http.get(url).send().await.unwrap().text().await.unwrap();
        let rules: Vec<Value> = serde_json::from_str(&text).unwrap();
        rules.iter().map(|rule| rule["fired"].as_u64().unwrap()).collect()
    }

    /// Records that the org holds.
    pub(crate) fn count(&self, object: &str) -> usize {
        self.twin.store().read(|tables| tables.rows(object).count())
    }

    /// A field as the org holds it.
    pub(crate) fn field(&self, object: &str, id: &str, field: &str) -> Value {
        self.twin
            .store()
            .read(|tables| tables.get(object, id).unwrap().get(field).clone())
    }

    /// Somebody in the org changes a record in a way that no API allows or needs.
    pub(crate) fn change(&self, object: &str, id: &str, fields: Value) {
        let fields: Fields = fields.as_object().cloned().unwrap();
        let done: Result<(), ()> = self.twin.store().transact(&Caller::default(), |tx| {
            tx.update(object, id, fields).unwrap();
            Ok(())
        });
        done.unwrap();
    }

    pub(crate) fn delete(&self, object: &str, id: &str) {
        let done: Result<(), ()> = self.twin.store().transact(&Caller::default(), |tx| {
            assert!(tx.delete(object, id));
            Ok(())
        });
        done.unwrap();
    }

    /// Id of the first record of an object, made by people.
    pub(crate) fn any(&self, object: &str) -> String {
        self.twin
            .store()
            .read(|tables| tables.rows(object).next().unwrap().id.clone())
    }

    pub(crate) async fn account(&self, key: &str) -> Written {
        written(self.crm.accounts(), key, account(key)).await
    }

    /// A deal that a salesperson made and won, by the API that salespeople's browsers use.
    pub(crate) async fn win(&self, deal: &vendor_twins::firm::Deal) -> vendor_twins::firm::WonDeal {
        let credentials = vendor_twins::firm::Credentials {
            salesforce_client_id: "fairlead-development".to_owned(),
            salesforce_client_secret: "fairlead-development-secret".to_owned(),
            kantata_token: String::new(),
            netsuite_account: String::new(),
            netsuite_tokens: Default::default(),
        };
        let base = self.base_url().to_owned();
        let addresses = vendor_twins::firm::Addresses {
            salesforce: base.clone(),
            kantata: base.clone(),
            netsuite: base,
            credentials,
        };
        vendor_twins::firm::Firm::at(&addresses)
            .unwrap()
            .sales
            .win(deal)
            .await
            .unwrap()
    }
}

pub(crate) fn key(text: &str) -> EffectKey {
    text.parse().unwrap()
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn eur(text: &str) -> Money {
    Money::new(text.parse().unwrap(), Currency::EUR)
}

pub(crate) fn create<T>(name: &str, record: T) -> Write<T> {
    Write {
        key: key(name),
        id: None,
        expected_version: None,
        record,
    }
}

pub(crate) fn update<T>(name: &str, id: &str, record: T) -> Write<T> {
    Write {
        key: key(name),
        id: Some(id.to_owned()),
        expected_version: None,
        record,
    }
}

/// Writes one record that must be taken.
pub(crate) async fn written<T: canonical_model::Resource>(
    collection: &dyn Collection<T>,
    name: &str,
    record: T,
) -> Written {
    let results = collection.write(&[create(name, record)]).await;
    results.into_iter().next().unwrap().into_result().unwrap()
}

pub(crate) fn account(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        parent: None,
        website: None,
        phone: None,
        email: None,
        tax_registrations: Vec::new(),
        billing_address: None,
        payment_terms: None,
        legal_entity: None,
        currency: Some(Currency::EUR),
        financials: None,
    }
}

pub(crate) fn contact(account_id: &str, last_name: &str) -> Contact {
    Contact {
        first_name: Some("Ines".to_owned()),
        last_name: last_name.to_owned(),
        email: Some(format!("{}@helios.example", last_name.to_lowercase())),
        phone: None,
        title: Some("CFO".to_owned()),
        account: RecordRef::id(account_id),
    }
}

pub(crate) fn contract(account_id: &str, name: &str) -> Contract {
    Contract {
        name: name.to_owned(),
        account: RecordRef::id(account_id),
        opportunity: None,
        project: None,
        legal_entity: None,
        billing_method: BillingMethod::TimeAndMaterials,
        currency: Currency::EUR,
        amount: eur("120000.50"),
        cap: Some(eur("150000")),
        purchase_order: Some("PO-77".to_owned()),
        rate_card: None,
        start_date: day("2026-12-01"),
        end_date: Some(day("2027-03-31")),
        signature_date: Some(day("2026-11-20")),
    }
}

pub(crate) fn assignment(opportunity_id: &str, minutes: i64) -> Assignment {
    let email = "priya.nair@northwind-advisory.example";
    Assignment {
        project: RecordRef::id(opportunity_id),
        person: Some(RecordRef::labelled("P-17", email)),
        role: Some(RecordRef::labelled("Senior Consultant", "Senior Consultant")),
        start_date: day("2026-12-01"),
        end_date: day("2026-12-31"),
        minutes: Minutes::new(minutes),
        state: AssignmentState::Confirmed,
    }
}

pub(crate) fn invoice(account_id: &str, number: &str) -> Invoice {
    Invoice {
        number: Some(number.to_owned()),
        account: RecordRef::id(account_id),
        project: None,
        legal_entity: None,
        date: day("2026-12-31"),
        due_date: Some(day("2027-01-30")),
        currency: Currency::EUR,
        purchase_order: None,
        memo: None,
        lines: Vec::new(),
        net: None,
        tax: None,
        total: Some(eur("11900.00")),
        amount_paid: Some(eur("0.10")),
        status: InvoiceStatus::Open,
    }
}
