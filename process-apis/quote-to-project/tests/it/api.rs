//! The contract, what every caller is refused, and what a notice brings about.

use std::path::Path;

use quote_to_project_process_api::{Running, Settings, contract, run};
use serde_json::{Value, json};
use testkit::Issuer;

const API: &str = "quote-to-project-process-api";

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "process/quote-to-project.v1.json");
}

#[test]
fn the_default_settings_hold() {
    chassis::load_with::<Settings>(toml::Table::new()).unwrap();
}

/// The API over an empty database; nobody answers behind it.
async fn started(folder: &Path, issuer: &Issuer) -> Running {
    let secret = folder.join("secret");
    std::fs::write(&secret, "not-asked-for").unwrap();
    let nobody = "http://127.0.0.1:9";
    let overrides = toml::toml! {
        http = { port = 0 }
        auth = { issuer = (issuer.url().to_string()) }
        telemetry = { level = "warn" }
        database = { url = (format!("sqlite:{}", folder.join("q2p.sqlite").display())) }
        identity = { token_url = (format!("{nobody}/token")), client_secret = (format!("file:{}", secret.display())) }
        systems = { crm = nobody, erp = nobody, psa = nobody }
        processes = { control = nobody }
    };
    run(&chassis::load_with(overrides).unwrap()).await.unwrap()
}

#[tokio::test]
async fn whoever_may_not_is_refused() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;
    running.stop().await;
}

#[tokio::test]
async fn one_instance_stands_for_a_deal_however_often_it_is_told() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    let token = issuer.service_token(API, &["deals:write"]);
    let client = testkit::http();
    let tell = |key: String, connection: &str| {
        client
            .post(format!("{}/v1/deal-notices", running.base_url))
            .bearer_auth(&token)
            .header("idempotency-key", key)
            .json(&json!({ "connection": connection, "opportunity_id": "0061" }))
            .send()
    };
    let told = (0..100).map(|n| tell(format!("notice-{n}"), "crm/main"));
    let mut answers = Vec::new();
    for answer in futures_util::future::join_all(told).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status().as_u16(), 202);
        answers.push(answer.json::<Value>().await.unwrap());
    }
    let first = answers
        .iter()
        .filter(|answer| answer["new"] == json!(true))
        .count();
    assert_eq!(first, 1, "{answers:?}");
    assert!(
        answers
            .iter()
            .all(|answer| answer["instance_id"] == answers[0]["instance_id"])
    );

    let replayed: Value = tell("notice-7".to_owned(), "crm/main")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(replayed, answers[7]);
    let elsewhere = tell("other".to_owned(), "crm/other").await.unwrap();
    assert_eq!(elsewhere.status().as_u16(), 422);
    assert_eq!(testkit::problem_of(elsewhere).await.code, "unknown_connection");
    running.stop().await;
}
