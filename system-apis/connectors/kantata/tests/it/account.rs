//! A running account with a connector to it, its people, and its control surface.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use canonical_model::{
    Account, BillingMethod, Change, Currency, EffectKey, Link, LinkState, Milestone, MilestoneState, Minutes,
    Money, Project, ProjectStatus, RecordRef, Resource, ResourceRequest, ResourceRequestState, Task, Write,
    Written,
};
use chrono::NaiveDate;
use kantata_connector::{Kantata, Settings};
use serde_json::{Value, json};
use system_ports::{Collection, PsaPort};
use vendor_twins::firm::{Addresses, Credentials, Firm, Hours};
use vendor_twins::kantata::{DEVELOPMENT_TOKEN, FIRM_TOKEN, Kantata as Twin, KantataSettings};
use vendor_twins::server::{RunningTwin, Twin as _, serve};
use vendor_twins::store::{Clock, Store};

/// Project manager, by the twin's id.
pub(crate) const HELEN: &str = "17";
/// Senior consultants and a consultant.
pub(crate) const JAMES: &str = "james.whitfield@northwind-advisory.example";
pub(crate) const TOM: &str = "tom.becker@northwind-advisory.example";
/// The role of the first.
pub(crate) const SENIOR: &str = "2";

pub(crate) struct Desk {
    pub(crate) psa: Kantata,
    pub(crate) settings: Settings,
    pub(crate) firm: Firm,
    twin: Arc<Twin>,
    seconds_ago: Arc<AtomicI64>,
    running: RunningTwin,
    http: reqwest::Client,
    _secret: tempfile::NamedTempFile,
}

#[expect(clippy::disallowed_methods, reason = "test client of the control surface")]
fn http() -> reqwest::Client {
    reqwest::Client::new()
}

fn clock(seconds_ago: &Arc<AtomicI64>) -> Clock {
    let seconds_ago = Arc::clone(seconds_ago);
    Arc::new(move || {
        let ago = chrono::Duration::seconds(seconds_ago.load(Ordering::Relaxed));
        chrono::Utc::now() - ago
    })
}

/// The development set-up with events that are there at once.
pub(crate) fn prompt() -> KantataSettings {
    KantataSettings {
        event_lag: chrono::Duration::zero(),
        ..KantataSettings::default()
    }
}

impl Desk {
    pub(crate) async fn start() -> Self {
        Self::with(prompt(), DEVELOPMENT_TOKEN, |_| {})
    }

    pub(crate) fn with(account: KantataSettings, token: &str, change: impl FnOnce(&mut Settings)) -> Self {
        Self::ago(0, account, token, change)
    }

    /// An account whose clock is so many seconds slow, until [`Self::catches_up`].
    pub(crate) fn ago(
        seconds: i64,
        account: KantataSettings,
        token: &str,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let seconds_ago = Arc::new(AtomicI64::new(seconds));
        let twin = Twin::new(Store::in_memory(clock(&seconds_ago)), account);
        let running = serve(Arc::<Twin>::clone(&twin), 0).unwrap();
        let mut secret = tempfile::NamedTempFile::new().unwrap();
        write!(secret, "{token}").unwrap();
        let documented = include_str!("../../../../../config/vendors/kantata.toml");
        let mut settings: Settings = toml::from_str(documented).unwrap();
        settings.base_url = running.base_url.parse().unwrap();
        settings.token = format!("file:{}", secret.path().display()).try_into().unwrap();
        settings.limits.overlap_s = 1;
        change(&mut settings);
        let psa = Kantata::connect("psa/main", &settings).unwrap();
        let base = running.base_url.clone();
        let credentials = Credentials {
            salesforce_client_id: String::new(),
            salesforce_client_secret: String::new(),
            kantata_token: FIRM_TOKEN.to_owned(),
            netsuite_account: String::new(),
            netsuite_tokens: Default::default(),
        };
        let firm = Firm::at(&Addresses {
            salesforce: base.clone(),
            kantata: base.clone(),
            netsuite: base,
            credentials,
        });
        Self {
            psa,
            settings,
            firm: firm.unwrap(),
            twin,
            seconds_ago,
            running,
            http: http(),
            _secret: secret,
        }
    }

    /// What happened so far has happened a while ago: the overlap of the feeds is past.
    pub(crate) fn catches_up(&self) {
        self.seconds_ago.store(0, Ordering::Relaxed);
    }

    pub(crate) async fn faults(&self, rules: Value) {
        let url = format!("{}/_twin/faults", self.running.base_url);
        let body = json!({ "rules": rules }).to_string();
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

    /// What somebody at the firm does in Kantata itself.
    pub(crate) async fn acts(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        let url = format!("{}/api/v1/{path}", self.running.base_url);
        let request = self
            .http
            .request(method, url)
            .bearer_auth(FIRM_TOKEN)
            .header("content-type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
    }

    /// Records that the account holds.
    pub(crate) fn count(&self, collection: &str) -> usize {
        self.twin.store().read(|tables| tables.rows(collection).count())
    }

    /// A field as the account holds it.
    pub(crate) fn field(&self, collection: &str, id: &str, field: &str) -> Value {
        self.twin
            .store()
            .read(|tables| tables.get(collection, id).unwrap().get(field).clone())
    }

    pub(crate) async fn client(&self, key: &str) -> String {
        written(self.psa.accounts(), key, account(key)).await.id
    }

    /// An active project of a client.
    pub(crate) async fn project(&self, code: &str) -> String {
        let client = self.client(&format!("client-{code}")).await;
        let record = Project {
            status: ProjectStatus::Active,
            ..project(code, &client)
        };
        written(self.psa.projects(), &format!("project-{code}"), record)
            .await
            .id
    }
}

/// Follows a feed as its reader does, and keeps what it gave last for each record.
pub(crate) struct Follower<T> {
    cursor: Option<String>,
    pub(crate) seen: BTreeMap<String, Change<T>>,
}

impl<T: Resource> Follower<T> {
    pub(crate) fn new() -> Self {
        Self {
            cursor: None,
            seen: BTreeMap::new(),
        }
    }

    /// Reads to the end, in pages so small that they cut within a second.
    pub(crate) async fn catch_up(&mut self, collection: &dyn Collection<T>) -> Vec<Change<T>> {
        let mut news = Vec::new();
        loop {
            let page = collection.changes(self.cursor.as_deref(), 3).await.unwrap();
            self.cursor = Some(page.next_cursor);
            for change in page.items {
                self.seen.insert(change.id.clone(), change.clone());
                news.push(change);
            }
            if !page.more {
                return news;
            }
        }
    }

    /// What the feed said last of a record.
    pub(crate) fn data(&self, id: &str) -> &T {
        let change = &self.seen[id];
        match &change.record {
            Some(record) => &record.data,
            None => panic!("{id} is {:?}", change.failure),
        }
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
        id: Some(id.to_owned()),
        ..create(name, record)
    }
}

/// Writes one record that must be taken.
pub(crate) async fn written<T: Resource>(collection: &dyn Collection<T>, name: &str, record: T) -> Written {
    let results = collection.write(&[create(name, record)]).await;
    results.into_iter().next().unwrap().into_result().unwrap()
}

pub(crate) fn account(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        parent: None,
        website: Some("https://helios-energy.example".to_owned()),
        phone: None,
        email: None,
        tax_registrations: Vec::new(),
        billing_address: None,
        payment_terms: None,
        legal_entity: Some(RecordRef::id("Northwind Advisory Deutschland")),
        currency: Some(Currency::EUR),
        financials: None,
    }
}

pub(crate) fn project(code: &str, client: &str) -> Project {
    Project {
        code: code.to_owned(),
        name: format!("Grid strategy {code}"),
        account: Some(RecordRef::id(client)),
        legal_entity: Some(RecordRef::id("Northwind Advisory Deutschland")),
        region: Some("EMEA".to_owned()),
        manager: Some(RecordRef::id(HELEN)),
        billing_method: Some(BillingMethod::TimeAndMaterials),
        currency: Currency::EUR,
        budget: Some(eur("120000.00")),
        target_margin_percent: Some("35".parse().unwrap()),
        rate_card: Some(RecordRef::id("Standard rates")),
        start_date: Some(day("2026-11-02")),
        end_date: Some(day("2027-03-31")),
        status: ProjectStatus::Planned,
    }
}

pub(crate) fn task(project: &str, name: &str) -> Task {
    Task {
        name: name.to_owned(),
        project: RecordRef::id(project),
        parent: None,
        billable: true,
        planned_minutes: Some(Minutes::new(2400)),
        start_date: Some(day("2026-11-02")),
        end_date: Some(day("2026-12-18")),
        completed: false,
    }
}

pub(crate) fn milestone(project: &str, name: &str, amount: &str) -> Milestone {
    Milestone {
        name: name.to_owned(),
        project: RecordRef::id(project),
        due_date: day("2026-12-18"),
        amount: eur(amount),
        state: MilestoneState::Planned,
        completed_on: None,
    }
}

pub(crate) fn request(project: &str, minutes: i64) -> ResourceRequest {
    ResourceRequest {
        project: RecordRef::id(project),
        role: RecordRef::id(SENIOR),
        start_date: day("2026-11-02"),
        end_date: day("2026-12-18"),
        minutes: Minutes::new(minutes),
        state: ResourceRequestState::Open,
        person: None,
        note: Some("Sold as Senior Consultant for Blueprint".to_owned()),
    }
}

pub(crate) fn hours(date: &str, minutes: i64) -> Hours {
    Hours {
        person: JAMES.to_owned(),
        task: Some("Blueprint".to_owned()),
        role: "Senior Consultant".to_owned(),
        date: day(date),
        minutes,
        rate_in_cents: None,
        notes: "Interviews".to_owned(),
    }
}

pub(crate) fn mark(name: &str, id: &str, other: Option<&str>, state: LinkState) -> Link {
    Link {
        key: key(name),
        id: id.to_owned(),
        system: "erp".to_owned(),
        other_id: other.map(str::to_owned),
        state,
        message: (state == LinkState::Failed).then(|| "the period is closed".to_owned()),
    }
}
