//! The Kantata twin over HTTP, as its clients see it.

mod access;
mod events;
mod projects;
mod reading;
mod staffing;
mod work;

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use vendor_twins::kantata::{COLLABORATOR_TOKEN, DEVELOPMENT_TOKEN, Kantata, KantataSettings};
use vendor_twins::server::{RunningTwin, serve};
use vendor_twins::store::{Store, system_clock};

/// Custom fields of the development customisation.
const PROJECT_KEY: &str = "301";
const PROJECT_CODE: &str = "302";
const BILLING_TYPE: &str = "303";

/// People of the seed.
const JAMES: &str = "12";
const MARIA: &str = "13";
const LEE: &str = "16";
const HELEN: &str = "17";

/// Roles of the seed.
const SENIOR: &str = "2";
const CONSULTANT: &str = "3";

/// A running account.
struct Account {
    base: String,
    http: reqwest::Client,
    twin: RunningTwin,
}

/// Status and JSON body (null when there is none).
type Answer = (u16, Value);

impl Account {
    fn start() -> Self {
        Self::with(Store::in_memory(system_clock()), KantataSettings::default())
    }

    #[expect(clippy::disallowed_methods, reason = "test client")]
    fn with(store: Store, settings: KantataSettings) -> Self {
        let twin = serve(Kantata::new(store, settings), 0).unwrap();
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20));
        Self {
            base: twin.base_url.clone(),
            http: http.build().unwrap(),
            twin,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}/api/v1/{path}", self.base))
            .bearer_auth(DEVELOPMENT_TOKEN)
    }

    async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::PUT, path).json(&body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    /// A list as a collaborator, who sees no money.
    async fn get_as_collaborator(&self, path: &str) -> Answer {
        let request = self.http.get(format!("{}/api/v1/{path}", self.base));
        answer(request.bearer_auth(COLLABORATOR_TOKEN)).await
    }

    /// Creates one record and returns it.
    async fn create(&self, collection: &str, singular: &str, fields: Value) -> Value {
        let (status, body) = self.post(collection, json!({singular: fields})).await;
        assert_eq!(status, 200, "{collection}: {body}");
        first(&body)
    }

    async fn project(&self, title: &str) -> String {
        let fields = json!({"title": title, "rate_card_id": 610, "status_key": 300});
        id(&self.create("workspaces", "workspace", fields).await)
    }

    /// Books hours of a person, one entry for each day, and returns their ids.
    async fn hours(&self, project: &str, user: &str, days: &[&str]) -> Vec<String> {
        let entries: Vec<Value> = days
            .iter()
            .map(|day| json!({"workspace_id": project, "user_id": user, "date_performed": day, "time_in_minutes": 480}))
            .collect();
        let (status, body) = self.post("time_entries", json!({"time_entries": entries})).await;
        assert_eq!(status, 200, "{body}");
        ids(&body)
    }

    /// Submits entries and returns the id of the submission.
    async fn submit(&self, project: &str, entries: &[String]) -> String {
        let fields = json!({"workspace_id": project, "title": "Week", "line_item_ids": entries});
        let made = self
            .create("timesheet_submissions", "timesheet_submission", fields)
            .await;
        id(&made)
    }

    async fn resolve(&self, submission: &str, action: &str) -> Answer {
        let body = json!({"resolution": {"description": action}});
        self.put(&format!("timesheet_submissions/{submission}/{action}"), body)
            .await
    }

    async fn faults(&self, rules: Value) {
        let request = self.http.put(format!("{}/_twin/faults", self.base));
        let (status, body) = answer(request.json(&json!({"rules": rules}))).await;
        assert_eq!(status, 204, "{body}");
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

/// The ids in `results`, in their order.
fn ids(body: &Value) -> Vec<String> {
    let results = body["results"].as_array().unwrap();
    results
        .iter()
        .map(|r| r["id"].as_str().unwrap().to_owned())
        .collect()
}

/// The records in `results`, in their order.
fn records(body: &Value) -> Vec<Value> {
    let results = body["results"].as_array().unwrap();
    let found = |r: &Value| body[r["key"].as_str().unwrap()][r["id"].as_str().unwrap()].clone();
    results.iter().map(found).collect()
}

fn first(body: &Value) -> Value {
    records(body).first().cloned().unwrap_or_default()
}

fn id(record: &Value) -> String {
    record["id"].as_str().unwrap().to_owned()
}

/// Status, type, message and field of the first error.
fn refusal((status, body): &Answer) -> (u16, String, String, String) {
    let text = |name: &str| body["errors"][0][name].as_str().unwrap_or_default().to_owned();
    (*status, text("type"), text("message"), text("field"))
}
