//! The API with one connection to a twin, and a service that may call it.

use std::io::Write as _;

use chassis::RunningApi;
use psa_system_api::{Settings, run};
use reqwest::{Method, Response};
use serde_json::Value;
use testkit::Issuer;
use vendor_twins::kantata::{DEVELOPMENT_TOKEN, Kantata, KantataSettings};
use vendor_twins::server::{RunningTwin, serve};
use vendor_twins::store::{Store, system_clock};

const BINARY: &str = "psa-system-api";

pub(crate) struct Office {
    pub(crate) api: RunningApi,
    pub(crate) issuer: Issuer,
    twin: RunningTwin,
    _secret: tempfile::NamedTempFile,
}

impl Office {
    pub(crate) async fn open() -> Self {
        let twin = Kantata::new(Store::in_memory(system_clock()), KantataSettings::default());
        let twin = serve(twin, 0).unwrap();
        let issuer = Issuer::start().await;
        let mut token = tempfile::NamedTempFile::new().unwrap();
        token.write_all(DEVELOPMENT_TOKEN.as_bytes()).unwrap();
        // The account's own names are those of the template for the development account.
        let template = include_str!("../../../../config/vendors/kantata.toml");
        let mut connection: toml::Table = toml::from_str(template).unwrap();
        connection.insert("name".into(), "main".into());
        connection.insert("vendor".into(), "kantata".into());
        connection.insert("base_url".into(), twin.base_url.clone().into());
        connection.insert("token".into(), format!("file:{}", token.path().display()).into());
        let mut overrides: toml::Table =
            toml::from_str(&format!("http.port = 0\nauth.issuer = \"{}\"", issuer.url())).unwrap();
        overrides.insert("connections".into(), vec![connection].into());
        let settings: Settings = chassis::load_with(overrides).unwrap();
        let api = run(&settings).await.unwrap();
        Self {
            api,
            issuer,
            twin,
            _secret: token,
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
