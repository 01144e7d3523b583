//! The API as it is started, without the APIs behind it; the page over a real firm is seen in `tests/` of the workspace.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

use std::path::Path;

use staffing_experience_api::{Running, Settings, contract, run};
use testkit::Issuer;

const API: &str = "staffing-experience-api";

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "experience/staffing.v1.json");
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
        processes = { insight = nobody }
    };
    run(&chassis::load_with(overrides).unwrap()).await.unwrap()
}

#[tokio::test]
async fn whoever_may_not_is_refused() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;
    let client = issuer.person_token(
        API,
        &["staffing:read"],
        &[chassis::Role::Client],
        "dana@client.example",
    );
    let url = format!("{}/v1/requests", running.base_url);
    let answer = testkit::http().get(url).bearer_auth(client).send().await.unwrap();
    assert_eq!(testkit::problem_of(answer).await.code, "missing_role");
    running.stop().await;
}
