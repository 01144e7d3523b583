//! The API with one connection to a twin, and a service that may call it.

use std::io::Write as _;

use chassis::RunningApi;
use crm_system_api::{Settings, run};
use reqwest::{Method, Response};
use serde_json::Value;
use testkit::Issuer;
use vendor_twins::salesforce::{Salesforce, SalesforceSettings};
use vendor_twins::server::{RunningTwin, serve};
use vendor_twins::store::{Store, system_clock};

const BINARY: &str = "crm-system-api";

pub(crate) struct Office {
    pub(crate) api: RunningApi,
    pub(crate) issuer: Issuer,
    twin: RunningTwin,
    _secret: tempfile::NamedTempFile,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let twin = Salesforce::new(Store::in_memory(system_clock()), SalesforceSettings::default());
        let twin = serve(twin, 0).unwrap();
        let issuer = Issuer::start().await;
        let mut secret = tempfile::NamedTempFile::new().unwrap();
        writeln!(secret, "fairlead-development-secret").unwrap();
        let overrides = toml::from_str(&format!(
            r#"
            http.port = 0
            auth.issuer = "{issuer}"
            [[connections]]
            name = "main"
            vendor = "salesforce"
            login_url = "{twin}"
            auth = {{ flow = "client_credentials", client_id = "fairlead-development", client_secret = "file:{secret}" }}
            "#,
            issuer = issuer.url(),
            twin = twin.base_url,
            secret = secret.path().display(),
        ));
        let settings: Settings = chassis::load_with(overrides.unwrap()).unwrap();
        let api = run(&settings).await.unwrap();
        Self {
            api,
            issuer,
            twin,
            _secret: secret,
        }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Response {
        let token = self
            .issuer
            .service_token(BINARY, &["records:read", "records:write"]);
        let mut request = testkit::http()
            .request(method, format!("{}/v1/connections{path}", self.api.base_url))
            .bearer_auth(token)
            .header("idempotency-key", "one");
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        request.send().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.call(Method::GET, path, None).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub(crate) async fn close(self) {
        self.api.stop().await;
        self.twin.stop().await;
    }
}
