//! The API as it is started, without the APIs behind it; pages over real exceptions are seen in `tests/` of the workspace.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

use std::path::Path;

use chassis::Role;
use operations_desk_experience_api::{Running, Settings, contract, run};
use testkit::{Issuer, problem_of};

const API: &str = "operations-desk-experience-api";
const ID: &str = "019712f0-7d8e-7c3a-9a53-0f6f0e1d2c3b";
const SCOPES: [&str; 5] = [
    "exceptions:read",
    "exceptions:resolve",
    "mappings:write",
    "processes:read",
    "audit:read",
];

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "experience/operations-desk.v1.json");
}

#[test]
fn the_default_settings_hold() {
    chassis::load_with::<Settings>(toml::Table::new()).unwrap();
}

/// The API; nobody answers behind it.
async fn started(folder: &Path, issuer: &Issuer) -> Running {
    let secret = folder.join("secret");
    std::fs::write(&secret, "not-asked-for").unwrap();
    let secret = format!("file:{}", secret.display());
    let nobody = "http://127.0.0.1:9";
    let overrides = toml::toml! {
        http = { port = 0 }
        auth = { issuer = (issuer.url().to_string()) }
        sessions = { client_secret = (secret.clone()) }
        identity = { token_url = (format!("{nobody}/token")), client_secret = secret }
        processes = { control = nobody, quote_to_project = nobody, time_to_invoice = nobody, invoice_to_cash = nobody }
    };
    run(&chassis::load_with(overrides).unwrap()).await.unwrap()
}

#[tokio::test]
async fn whoever_may_not_is_refused() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;

    let client = testkit::http();
    let token = |role| issuer.person_token(API, &SCOPES, &[role], "somebody@northwind.example");
    let url = |path: &str| format!("{}{path}", running.base_url);
    let resolve = client
        .post(url(&format!("/v1/exceptions/{ID}/resolution")))
        .bearer_auth(token(Role::Auditor))
        .header("idempotency-key", "k-1")
        .json(&serde_json::json!({ "action": "retry" }));
    assert_eq!(
        problem_of(resolve.send().await.unwrap()).await.code,
        "missing_role"
    );
    let map = client
        .put(url("/v1/mappings"))
        .bearer_auth(token(Role::IntegrationOperator));
    let mapping =
        serde_json::json!({ "domain": "role", "connection": "psa/main", "value": "1", "code": "a" });
    assert_eq!(
        problem_of(map.json(&mapping).send().await.unwrap()).await.code,
        "missing_role"
    );
    let audit = client
        .get(url("/v1/audit-entries"))
        .bearer_auth(token(Role::DataSteward));
    assert_eq!(problem_of(audit.send().await.unwrap()).await.code, "missing_role");
    let keyless = client
        .post(url("/v1/exception-groups/resolution"))
        .bearer_auth(token(Role::DataSteward))
        .json(&serde_json::json!({ "cause": { "code": "x" }, "resolution": { "action": "retry" } }));
    assert_eq!(
        problem_of(keyless.send().await.unwrap()).await.code,
        "idempotency_key_missing"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_process_api_that_does_not_answer_says_so_in_its_own_entry() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    let token = issuer.person_token(
        API,
        &SCOPES,
        &[Role::IntegrationOperator],
        "ines@northwind.example",
    );
    let ask = |query: &str| {
        testkit::http()
            .get(format!("{}/v1/instances?{query}", running.base_url))
            .bearer_auth(&token)
            .send()
    };
    let told: serde_json::Value = ask("state=parked&process_api=")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 3);
    assert!(
        told.iter().all(|entry| entry["failure"]["class"] == "transient"),
        "{told:?}"
    );
    let unknown = ask("process_api=payroll").await.unwrap();
    assert_eq!(problem_of(unknown).await.code, "not_found");
    let cursor = ask("cursor=abc").await.unwrap();
    assert_eq!(problem_of(cursor).await.code, "bad_request");
    running.stop().await;
}

#[tokio::test]
async fn forms_are_taken_from_pages_of_the_session_only() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    let client = testkit::http();
    issuer.sign_in_as("david.okafor@northwind.example", &[Role::DataSteward], None);
    let page = client
        .get(format!("{}/exceptions/{ID}", running.base_url))
        .header("accept", "text/html");
    let answer = page.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);

    let cookies = signed_in(&client, &running.base_url).await;
    for path in [
        format!("/exceptions/{ID}/resolution"),
        format!("/exceptions/{ID}/assignment"),
        format!("/exceptions/{ID}/mapping"),
        "/exception-groups/resolution".to_owned(),
    ] {
        let form = [
            ("csrf", "guess"),
            ("nonce", ID),
            ("action", "retry"),
            ("to", "me"),
            ("code", "a"),
            ("subject", ""),
            ("domain", "role"),
            ("connection", "psa/main"),
            ("value", "1"),
        ];
        let answer = client
            .post(format!("{}{path}", running.base_url))
            .header("cookie", &cookies)
            .form(&form)
            .send()
            .await
            .unwrap();
        assert_eq!(problem_of(answer).await.code, "csrf_refused", "{path}");
    }
    running.stop().await;
}

/// The cookies of a browser that has signed in.
async fn signed_in(client: &reqwest::Client, base_url: &str) -> String {
    let mut cookies = std::collections::BTreeMap::new();
    let mut url = format!("{base_url}/sign-in?next=/assets/fairlead.css");
    loop {
        let header: Vec<String> = cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let header = header.join("; ");
        let answer = client.get(&url).header("cookie", &header).send().await.unwrap();
        for cookie in answer.headers().get_all("set-cookie") {
            let (name, value) = cookie
                .to_str()
                .unwrap()
                .split(';')
                .next()
                .unwrap()
                .split_once('=')
                .unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        if answer.status().as_u16() != 303 {
            assert_eq!(answer.status().as_u16(), 200);
            return header;
        }
        let location = answer.headers()["location"].to_str().unwrap();
        url = if location.starts_with('/') {
            format!("{base_url}{location}")
        } else {
            location.to_owned()
        };
    }
}
