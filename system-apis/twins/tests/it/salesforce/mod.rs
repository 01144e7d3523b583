//! The Salesforce twin over HTTP, as its clients see it.

mod auth;
mod batches;
mod bulk;
mod feed;
mod query;
mod records;
mod rules;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use vendor_twins::salesforce::{Salesforce, SalesforceSettings};
use vendor_twins::server::{RunningTwin, serve};
use vendor_twins::store::{Store, system_clock};

/// A running org and a session in it.
struct Org {
    base: String,
    token: String,
    http: reqwest::Client,
    twin: RunningTwin,
}

#[expect(clippy::disallowed_methods, reason = "test client")]
fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().timeout(Duration::from_secs(20));
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// An answer: status and JSON body (null when there is none).
type Answer = (u16, Value);

impl Org {
    async fn start() -> Self {
        Self::with(Store::in_memory(system_clock()), SalesforceSettings::default()).await
    }

    async fn with(store: Store, settings: SalesforceSettings) -> Self {
        let twin = serve(Salesforce::new(store, settings), 0).unwrap();
        let mut org = Self {
            base: twin.base_url.clone(),
            token: String::new(),
            http: http(),
            twin,
        };
        let (status, answer) = org
            .token_answer(&[
                ("grant_type", "client_credentials"),
                ("client_id", "fairlead-development"),
                ("client_secret", "fairlead-development-secret"),
            ])
            .await;
        assert_eq!(status, 200, "{answer}");
        org.token = answer["access_token"].as_str().unwrap().to_owned();
        org
    }

    async fn token_answer(&self, form: &[(&str, &str)]) -> Answer {
        answer(
            self.http
                .post(format!("{}/services/oauth2/token", self.base))
                .form(form),
        )
        .await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = match path.strip_prefix("/services") {
            Some(_) => format!("{}{path}", self.base),
            None => format!("{}/services/data/v60.0/{path}", self.base),
        };
        self.http.request(method, url).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        answer(self.request(Method::PATCH, path).json(&body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        answer(self.request(Method::DELETE, path)).await
    }

    async fn query(&self, soql: &str) -> Answer {
        answer(self.request(Method::GET, "query").query(&[("q", soql)])).await
    }

    /// The values of one column of a query's rows.
    async fn column(&self, soql: &str, column: &str) -> Vec<Value> {
        let (status, body) = self.query(soql).await;
        assert_eq!(status, 200, "{soql}: {body}");
        body["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r[column].clone())
            .collect()
    }

    /// Creates a record and returns its id.
    async fn create(&self, object: &str, body: Value) -> String {
        let (status, answer) = self.post(&format!("sobjects/{object}"), body.clone()).await;
        assert_eq!(status, 201, "{object} {body}: {answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn read(&self, object: &str, id: &str) -> Value {
        let (status, body) = self.get(&format!("sobjects/{object}/{id}")).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn faults(&self, rules: Value) {
        let url = format!("{}/_twin/faults", self.base);
        let (status, body) = answer(self.http.put(url).json(&json!({"rules": rules}))).await;
        assert_eq!(status, 204, "{body}");
    }

    /// How many records of an object the write log has.
    async fn writes(&self, object: &str) -> usize {
        let (_, log) = answer(self.http.get(format!("{}/_twin/writes", self.base))).await;
        log.as_array()
            .unwrap()
            .iter()
            .filter(|e| e["table"] == object)
            .count()
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = if status == StatusCode::NO_CONTENT || text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).unwrap_or(Value::String(text))
    };
    (status.as_u16(), body)
}

/// Code and message of a refusal.
fn refusal((status, body): &Answer) -> (u16, String, String) {
    let text = |name: &str| body[0][name].as_str().unwrap_or_default().to_owned();
    (*status, text("errorCode"), text("message"))
}
