//! The API with one connection to a twin, and a service that may call it.

use std::io::Write as _;

use chassis::RunningApi;
use erp_system_api::{Settings, run};
use reqwest::{Method, Response};
use serde_json::Value;
use testkit::Issuer;
use vendor_twins::netsuite::{DEVELOPMENT_PRIVATE_KEY_PEM, NetSuite, NetSuiteSettings};
use vendor_twins::server::{RunningTwin, serve};
use vendor_twins::store::{Store, system_clock};

const BINARY: &str = "erp-system-api";

pub(crate) struct Office {
    pub(crate) api: RunningApi,
    pub(crate) issuer: Issuer,
    twin: RunningTwin,
    _secret: tempfile::NamedTempFile,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let twin = NetSuite::new(Store::in_memory(system_clock()), NetSuiteSettings::default());
        let twin = serve(twin, 0).unwrap();
        let issuer = Issuer::start().await;
        let mut key = tempfile::NamedTempFile::new().unwrap();
        key.write_all(DEVELOPMENT_PRIVATE_KEY_PEM.as_bytes()).unwrap();
        // The account's own names are those of the template for the development account.
        let template = include_str!("../../../../config/vendors/netsuite.toml");
        let mut connection: toml::Table = toml::from_str(template).unwrap();
        connection.insert("name".into(), "main".into());
        connection.insert("vendor".into(), "netsuite".into());
        connection.insert("base_url".into(), twin.base_url.clone().into());
        let auth = connection
            .get_mut("auth")
            .and_then(toml::Value::as_table_mut)
            .unwrap();
        auth.insert(
            "private_key".into(),
            format!("file:{}", key.path().display()).into(),
        );
        let mut overrides: toml::Table =
            toml::from_str(&format!("http.port = 0\nauth.issuer = \"{}\"", issuer.url())).unwrap();
        overrides.insert("connections".into(), vec![connection].into());
        let settings: Settings = chassis::load_with(overrides).unwrap();
        let api = run(&settings).await.unwrap();
        Self {
            api,
            issuer,
            twin,
            _secret: key,
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
