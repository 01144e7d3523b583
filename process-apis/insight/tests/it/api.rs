//! The contract, and what every caller is refused.

use std::path::Path;

use insight_process_api::{Settings, contract, run};
use testkit::Issuer;

const API: &str = "insight-process-api";

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "process/insight.v1.json");
}

#[test]
fn the_default_settings_hold() {
    chassis::load_with::<Settings>(toml::Table::new()).unwrap();
}

/// Settings of an API that nobody answers behind.
pub(crate) fn settings(folder: &Path, issuer: &Issuer) -> Settings {
    let file = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        format!("file:{}", path.display())
    };
    let nobody = "http://127.0.0.1:9";
    let (secret, key) = (
        file("secret", "not-asked-for"),
        file("key", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
    );
    let overrides = toml::toml! {
        http = { port = 0 }
        auth = { issuer = (issuer.url().to_string()) }
        database = { url = (format!("sqlite:{}", folder.join("insight.sqlite").display())) }
        identity = { token_url = (format!("{nobody}/token")), client_secret = secret }
        processes = { quote_to_project = nobody, time_to_invoice = nobody, invoice_to_cash = nobody }
        systems = { erp = nobody, psa = nobody }
        costs = { encryption_key = key }
    };
    chassis::load_with(overrides).unwrap()
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_cost_is_for_those_who_may_see_it() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = run(&settings(folder.path(), &issuer)).await.unwrap();
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;

    let names = async |scopes: &[&str]| {
        let url = format!("{}/v1/kpis", running.base_url);
        let token = issuer.service_token(API, scopes);
        let kpis: Vec<canonical_model::Kpi> = testkit::http()
            .get(url)
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        kpis.into_iter().map(|kpi| kpi.name).collect::<Vec<_>>()
    };
    let margin = canonical_model::KpiName::MarginVariance;
    assert!(!names(&["insight:read"]).await.contains(&margin));
    assert!(names(&["insight:read", "costs:read"]).await.contains(&margin));
    running.stop().await;
}
