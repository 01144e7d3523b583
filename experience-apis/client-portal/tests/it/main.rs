//! The API as it is started, without the APIs behind it; the page over a real firm is seen in `tests/` of the workspace.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

use std::path::Path;

use client_portal_experience_api::{Running, Settings, contract, run};
use testkit::Issuer;

const API: &str = "client-portal-experience-api";

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "experience/client-portal.v1.json");
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
async fn whoever_may_not_is_refused_and_a_client_of_no_account_sees_nothing() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;
    let ask = async |token: String, path: &str| {
        testkit::http()
            .get(format!("{}{path}", running.base_url))
            .bearer_auth(token)
            .send()
            .await
            .unwrap()
    };
    let homeless = issuer.person_token(
        API,
        &["portal:read"],
        &[chassis::Role::Client],
        "dana@client.example",
    );
    let answer = ask(homeless, "/v1/projects").await;
    assert_eq!(answer.status().as_u16(), 403);
    // An account that is asked for by somebody who has one already changes nothing for them.
    let account = canonical_model::CanonicalId::generate();
    let client = issuer.client_token(API, &["portal:read"], account);
    let other = canonical_model::CanonicalId::generate();
    let answer = ask(client.clone(), &format!("/v1/projects?account={other}")).await;
    assert_eq!(answer.status().as_u16(), 404);
    // Their own is read from insight, which does not answer here.
    assert_eq!(ask(client, "/v1/projects").await.status().as_u16(), 503);
    running.stop().await;
}
