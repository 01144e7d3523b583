//! The NetSuite twin over HTTP, as its clients see it.

mod auth;
mod books;
mod jobs;
mod query;
mod records;
mod refusals;

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use vendor_twins::netsuite::{
    DEVELOPMENT_CERTIFICATE_ID, DEVELOPMENT_PRIVATE_KEY_PEM, NetSuite, NetSuiteSettings,
};
use vendor_twins::server::{RunningTwin, serve};
use vendor_twins::store::{Store, system_clock};

const TOKEN_PATH: &str = "/services/rest/auth/oauth2/v1/token";
const COLLECTION: &str = "application/vnd.oracle.resource+json; type=collection";

/// A running account and a token for it.
struct Account {
    base: String,
    token: String,
    http: reqwest::Client,
    _twin: RunningTwin,
}

/// Status, `Location` and body (null when there is none).
struct Answer {
    status: u16,
    location: String,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Answer {
    /// The end of `Location`: the id of what was made.
    fn id(&self) -> String {
        assert!(self.status < 300, "{} {}", self.status, self.body);
        self.location.rsplit('/').next().unwrap().to_owned()
    }

    /// Status, code and text of a refusal.
    fn refusal(&self) -> (u16, String, String) {
        let detail = &self.body["o:errorDetails"][0];
        let text = |name: &str| detail[name].as_str().unwrap_or_default().to_owned();
        (self.status, text("o:errorCode"), text("detail"))
    }
}

#[expect(clippy::disallowed_methods, reason = "test client")]
fn http() -> reqwest::Client {
    let builder = reqwest::Client::builder().timeout(Duration::from_secs(20));
    builder
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}

/// A signed assertion for the token endpoint.
fn assertion(claims: &Value, algorithm: Algorithm, kid: &str, pem: &str) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.to_owned());
    let key = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
    };
    encode(&header, claims, &key.unwrap()).unwrap()
}

/// The claims of a good assertion.
fn claims(base: &str) -> Value {
    let now = chrono::Utc::now().timestamp();
    json!({
        "iss": "fairlead-development", "scope": "rest_webservices", "aud": format!("{base}{TOKEN_PATH}"),
        "iat": now, "exp": now + 3600,
    })
}

fn grant(assertion: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "client_credentials"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", assertion),
    ]
}

impl Account {
    async fn start() -> Self {
        Self::with(NetSuiteSettings::default()).await
    }

    async fn with(settings: NetSuiteSettings) -> Self {
        let twin = serve(NetSuite::new(Store::in_memory(system_clock()), settings), 0).unwrap();
        let mut account = Self {
            base: twin.base_url.clone(),
            token: String::new(),
            http: http(),
            _twin: twin,
        };
        let signed = assertion(
            &claims(&account.base),
            Algorithm::PS256,
            DEVELOPMENT_CERTIFICATE_ID,
            DEVELOPMENT_PRIVATE_KEY_PEM,
        );
        let answer = account.token_answer(&grant(&signed)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        account.token = answer.body["access_token"].as_str().unwrap().to_owned();
        account
    }

    async fn token_answer(&self, form: &[(&str, &str)]) -> Answer {
        answer(self.http.post(format!("{}{TOKEN_PATH}", self.base)).form(form)).await
    }

    /// A request under `/services/rest`, or to a whole address.
    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}/services/rest/{path}", self.base)
        };
        let method: Method = method.parse().unwrap();
        self.http.request(method, url).bearer_auth(&self.token)
    }

    async fn get(&self, path: &str) -> Answer {
        answer(self.request("GET", path)).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        answer(self.request(method, path).json(&body)).await
    }

    /// Creates a record and returns its id.
    async fn create(&self, record: &str, body: Value) -> String {
        self.send("POST", &format!("record/v1/{record}"), body).await.id()
    }

    /// A record with all its lines.
    async fn read(&self, record: &str, id: &str) -> Value {
        let path = format!("record/v1/{record}/{id}?expandSubResources=true");
        let answer = self.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    async fn query(&self, sql: &str) -> Answer {
        self.page(sql, &[], "").await
    }

    async fn page(&self, sql: &str, params: &[&str], paging: &str) -> Answer {
        let request = self.request("POST", &format!("query/v1/suiteql{paging}"));
        let body = json!({"q": sql, "params": params});
        answer(request.header("prefer", "transient").json(&body)).await
    }

    /// The rows of a query.
    async fn rows(&self, sql: &str) -> Vec<Value> {
        let answer = self.query(sql).await;
        assert_eq!(answer.status, 200, "{sql}: {}", answer.body);
        answer.body["items"].as_array().unwrap().clone()
    }

    /// The only value of a query.
    async fn value(&self, sql: &str) -> String {
        let rows = self.rows(sql).await;
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        let fields = rows[0].as_object().unwrap();
        let mut values = fields.iter().filter(|(name, _)| *name != "links");
        values
            .next()
            .map(|(_, value)| value.as_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    async fn faults(&self, rules: Value) {
        let url = format!("{}/_twin/faults", self.base);
        let answer = answer(self.http.put(url).json(&json!({"rules": rules}))).await;
        assert_eq!(answer.status, 204, "{}", answer.body);
    }

    /// A customer of the German company, a project of it and a task.
    async fn engagement(&self) -> (String, String, String) {
        let customer = self
            .create(
                "customer",
                json!({"companyName": "Helios", "subsidiary": {"id": "3"}, "terms": {"id": "3"}}),
            )
            .await;
        let project = json!({"entityId": "HEL-1", "parent": {"id": customer}, "subsidiary": {"id": "3"}});
        let project = self.create("job", project).await;
        let task = json!({"title": "Analysis", "project": {"id": project}});
        let task = self.create("projectTask", task).await;
        (customer, project, task)
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let headers = response.headers().clone();
    let text = |name: &str| {
        let value = headers.get(name).map(|v| v.to_str().unwrap());
        value.unwrap_or_default().to_owned()
    };
    let (status, location) = (response.status().as_u16(), text("location"));
    let body = response.text().await.unwrap();
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&body).unwrap_or(Value::String(body))
    };
    Answer {
        status,
        location,
        headers,
        body,
    }
}
