//! One firm with its vendors' twins and every API of ours, on free ports, and what tests ask of them.
//!
//! Tests look at results where a user of a vendor would see them: through the vendors' APIs, as the firm's people. Only
//! exceptions and rulings are asked of Fairlead itself, because they exist nowhere else.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fairlead::{Development, Finance, Platform, addresses};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tempfile::TempDir;
use vendor_twins::faults::{Fault, Rule};
use vendor_twins::firm::{Deal, DealLine, Firm};
use vendor_twins::store::{LogEntry, Verb};
use vendor_twins::{RunningTwins, run_all};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The firm, its systems and Fairlead.
pub(crate) struct World {
    pub(crate) set_up: Development,
    pub(crate) firm: Firm,
    pub(crate) finance: Finance,
    http: reqwest::Client,
    twins: Option<RunningTwins>,
    platform: Option<Platform>,
    _folder: TempDir,
}

impl World {
    /// Everything at work, with the firm's mappings.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let set_up = Development::on_free_ports(folder.path()).unwrap();
        Self::start_with(folder, set_up).await
    }

    /// The same with another set-up.
    pub(crate) async fn start_with(folder: TempDir, set_up: Development) -> Self {
        let mut world = Self::without_platform(folder, set_up);
        world.start_platform().await;
        world.finance.set_mappings().await.unwrap();
        world
    }

    /// The twins alone; the APIs run elsewhere, or later.
    pub(crate) fn without_platform(folder: TempDir, set_up: Development) -> Self {
        set_up.write().unwrap();
        let twins = run_all(set_up.twins()).unwrap();
        Self {
            firm: Firm::at(&addresses(&set_up)).unwrap(),
            finance: Finance::new(&set_up).unwrap(),
            http: testkit::http(),
            twins: Some(twins),
            platform: None,
            set_up,
            _folder: folder,
        }
    }

    /// Starts the APIs in this process.
    pub(crate) async fn start_platform(&mut self) {
        self.platform = Some(Platform::start(|binary| self.set_up.table(binary)).await.unwrap());
    }

    /// Starts the APIs anew; from then on time-to-invoice looks at the PSA's feeds only when it is told to.
    pub(crate) async fn restart_deaf(&mut self) {
        if let Some(platform) = self.platform.take() {
            platform.stop().await;
        }
        let table = |binary: &str| {
            let mut table = self.set_up.table(binary)?;
            let intake = table.get_mut("intake").and_then(|intake| intake.as_table_mut());
            for feed in intake.into_iter().flat_map(|intake| intake.iter_mut()) {
                if let (_, toml::Value::Table(feed)) = feed {
                    feed.insert("interval_ms".to_owned(), 600_000.into());
                }
            }
            Ok(table)
        };
        self.platform = Some(Platform::start(table).await.unwrap());
    }

    /// Stops everything.
    pub(crate) async fn stop(mut self) {
        if let Some(platform) = self.platform.take() {
            platform.stop().await;
        }
        if let Some(twins) = self.twins.take() {
            twins.stop().await;
        }
    }

    /// Names and addresses of the running APIs.
    pub(crate) fn apis(&self) -> Vec<(&'static str, String)> {
        let platform = self.platform.as_ref().unwrap();
        let own = |(name, url): (&'static str, &str)| (name, url.to_owned());
        platform.addresses().into_iter().map(own).collect()
    }

    /// Folder of everything that is kept.
    pub(crate) fn data(&self) -> &Path {
        self.set_up.data()
    }

    /// A call of one of our APIs by a program of the firm; a refusal fails the test.
    pub(crate) async fn call(
        &self,
        method: Method,
        api: &str,
        path: &str,
        scope: &str,
        body: Option<&Value>,
    ) -> Value {
        let (status, answer) = self.try_call(method, api, path, scope, body).await;
        assert!(
            (200..300).contains(&status),
            "{api} answered {status} to {path}: {answer}"
        );
        answer
    }

    /// The same, with the status.
    pub(crate) async fn try_call(
        &self,
        method: Method,
        api: &str,
        path: &str,
        scope: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let token = self.finance.token(api, scope).await.unwrap();
        let key = format!("test-{}", uuid());
        let url = format!("{}{path}", self.set_up.url(api));
        let mut request = self
            .http
            .request(method, url)
            .bearer_auth(token)
            .header("Idempotency-Key", key);
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Plain GET without a token.
    pub(crate) async fn get(&self, url: &str) -> (u16, Value) {
        let answer = self.http.get(url).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    /// What waits for a person, as control's desk shows it; closed exceptions too.
    pub(crate) async fn exceptions(&self) -> Vec<Value> {
        let path = "/v1/exceptions?limit=500";
        let page = self
            .call(Method::GET, "control-process-api", path, "exceptions:read", None)
            .await;
        page["items"].as_array().unwrap().clone()
    }

    /// Waits for exceptions of a code, and gives those that are not closed.
    pub(crate) async fn open_exceptions(&self, code: &str, count: usize) -> Vec<Value> {
        self.until(&format!("{count} exceptions {code}"), async || {
            let mut all = self.exceptions().await;
            all.retain(|e| e["cause"]["code"] == code && e["closed_at"].is_null());
            (all.len() >= count).then_some(all)
        })
        .await
    }

    /// Resolves an exception as a person at the desk would.
    pub(crate) async fn resolve(&self, exception: &Value, resolution: &Value) {
        let path = format!("/v1/exceptions/{}/resolution", exception["id"].as_str().unwrap());
        let scope = "exceptions:resolve";
        self.call(
            Method::POST,
            "control-process-api",
            &path,
            scope,
            Some(resolution),
        )
        .await;
    }

    /// Sets a mapping of reference data.
    pub(crate) async fn map(&self, domain: &str, connection: &str, value: &str, code: &str) {
        let mapping = json!({"domain": domain, "connection": connection, "value": value, "code": code});
        let scope = "mappings:write";
        self.call(
            Method::PUT,
            "control-process-api",
            "/v1/mappings",
            scope,
            Some(&mapping),
        )
        .await;
    }

    /// Waits until `look` finds something. What waits for a person is told when it never comes.
    pub(crate) async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if tokio::time::Instant::now() > end {
                panic!(
                    "waited {} s in vain for {what}\n{}",
                    PATIENCE.as_secs(),
                    self.open_matters().await
                );
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What does not go on, in every process, for the message of a test that fails.
    pub(crate) async fn open_matters(&self) -> String {
        let mut told = Vec::new();
        for api in [
            "quote-to-project-process-api",
            "time-to-invoice-process-api",
            "invoice-to-cash-process-api",
        ] {
            let path = "/v1/instances?limit=200";
            let (_, page) = self
                .try_call(Method::GET, api, path, "processes:read", None)
                .await;
            for instance in page["items"].as_array().into_iter().flatten() {
                if instance["state"] != "completed" {
                    told.push(format!(
                        "{api} {} {} {}",
                        instance["title"], instance["state"], instance["failure"]
                    ));
                }
            }
        }
        told.join("\n")
    }

    /// What goes wrong on a twin from now on; an empty list ends all faults.
    pub(crate) async fn faults(&self, twin: &str, rules: &[Rule]) {
        let url = format!("{}/_twin/faults", self.set_up.url(twin));
        let answer = self
            .http
            .put(url)
            .json(&json!({"seed": 7, "rules": rules}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 204);
    }

    /// How often each rule of a twin acted, in their order.
    pub(crate) async fn fired(&self, twin: &str) -> Vec<u64> {
        let (_, report) = self.get(&format!("{}/_twin/faults", self.set_up.url(twin))).await;
        let fired = |rule: &Value| rule["fired"].as_u64().unwrap();
        report.as_array().unwrap().iter().map(fired).collect()
    }

    /// The write log of a twin: what was really written, and how often.
    pub(crate) async fn writes(&self, twin: &str) -> Vec<LogEntry> {
        let (_, log) = self.get(&format!("{}/_twin/writes", self.set_up.url(twin))).await;
        serde_json::from_value(log).unwrap()
    }

    /// How many records of each table were created on a twin, those of its seed too.
    pub(crate) async fn created(&self, twin: &str) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.writes(twin).await {
            if entry.verb == Verb::Create {
                *counts.entry(entry.table).or_default() += 1;
            }
        }
        counts
    }

    /// Something that the PSA's administrator does by hand; gives the id in the answer.
    pub(crate) async fn in_kantata(&self, method: Method, path: &str, body: &Value) -> String {
        let url = format!("{}/api/v1/{path}", self.set_up.url("kantata"));
        let token = vendor_twins::kantata::FIRM_TOKEN;
        let answer = self
            .http
            .request(method, url)
            .bearer_auth(token)
            .json(body)
            .send()
            .await
            .unwrap();
        assert!(
            answer.status().is_success(),
            "{path}: {}",
            answer.text().await.unwrap()
        );
        let answer: Value = answer.json().await.unwrap();
        text(&answer["results"][0]["id"])
    }

    /// Something that the PSA's administrator deletes.
    pub(crate) async fn remove_in_kantata(&self, path: &str) {
        let url = format!("{}/api/v1/{path}", self.set_up.url("kantata"));
        let token = vendor_twins::kantata::FIRM_TOKEN;
        let answer = self.http.delete(url).bearer_auth(token).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
    }

    /// The deal is won and its project is there: the opportunity says so.
    pub(crate) async fn project_of(&self, opportunity_id: &str) -> Project {
        let found = self
            .until("the opportunity's project", async || {
                let found = self.firm.sales.read("Opportunity", opportunity_id).await.unwrap();
                (found["Project_Status__c"] == "active").then_some(found)
            })
            .await;
        let code = text(&found["Project_Code__c"]);
        let workspace = self.firm.delivery.find_project(&code).await.unwrap().unwrap();
        let job = self
            .rows(&format!("SELECT id FROM job WHERE entityid = '{code}'"))
            .await;
        assert_eq!(job.len(), 1, "{job:?}");
        Project {
            code,
            workspace_id: text(&workspace["id"]),
            workspace,
            job_id: text(&job[0]["id"]),
        }
    }

    /// Rows of the ERP.
    pub(crate) async fn rows(&self, suiteql: &str) -> Vec<Value> {
        self.firm.payer.query(suiteql).await.unwrap()
    }

    /// A record of the ERP with its sublists.
    pub(crate) async fn erp(&self, path: &str) -> Value {
        self.firm.payer.read(path).await.unwrap()
    }

    /// Custom fields of a project in the PSA, by name, as people read them.
    pub(crate) async fn project_fields(&self, workspace_id: &str) -> BTreeMap<String, String> {
        let filters = [("subject_type", "Workspace"), ("with_subject_id", workspace_id)];
        let values = self
            .firm
            .delivery
            .list("custom_field_values", &filters)
            .await
            .unwrap();
        values
            .iter()
            .map(|v| (text(&v["custom_field_name"]), text(&v["display_value"])))
            .collect()
    }
}

/// A project where people see it.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) code: String,
    pub(crate) workspace_id: String,
    pub(crate) workspace: Value,
    pub(crate) job_id: String,
}

/// A small German deal by the hour, of one role.
pub(crate) fn small_deal(company: &str, name: &str) -> Deal {
    let helios = fairlead_deal();
    let line = DealLine {
        hours: 40,
        ..helios.lines[1].clone()
    };
    Deal {
        company: company.to_owned(),
        name: name.to_owned(),
        website: None,
        tax_registration: None,
        lines: vec![line],
        ..helios
    }
}

/// The demonstration's deal, as it is sold today.
pub(crate) fn fairlead_deal() -> Deal {
    fairlead::deals::helios(chrono::Utc::now().date_naive())
}

/// A fault that meets the next matching request only.
pub(crate) fn once(method: &str, path: &str, fault: Fault) -> Rule {
    Rule {
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
        fault,
        per_million: None,
        skip: 0,
        times: Some(1),
    }
}

/// Text or number as text; anything else is empty.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A number, also one in a text.
pub(crate) fn number(value: &Value) -> Decimal {
    let text = text(value);
    text.parse().unwrap_or_else(|_| panic!("{value} is no number"))
}

fn uuid() -> String {
    canonical_model::CanonicalId::generate().to_string()
}
