//! The API as it is started, before an insight that is made up; the page over a real firm is seen in `tests/` of the workspace.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

mod insight;

use std::path::Path;

use canonical_model::CanonicalId;
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

/// An address where nobody answers.
const NOBODY: &str = "http://127.0.0.1:9";

/// The API, with insight there.
async fn started(folder: &Path, issuer: &Issuer, insight: &str) -> Running {
    let secret = folder.join("secret");
    std::fs::write(&secret, "not-asked-for").unwrap();
    let secret = format!("file:{}", secret.display());
    let overrides = toml::toml! {
        http = { port = 0 }
        auth = { issuer = (issuer.url().to_string()) }
        sessions = { client_secret = (secret.clone()) }
        identity = { token_url = (format!("{}token", issuer.url())), client_secret = secret }
        processes = { insight = insight }
    };
    run(&chassis::load_with(overrides).unwrap()).await.unwrap()
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_a_client_of_no_account_sees_nothing() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer, NOBODY).await;
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
    for path in ["/v1/projects", "/v1/invoices", "/"] {
        let answer = ask(homeless.clone(), path).await;
        assert_eq!(answer.status().as_u16(), 403, "{path}");
        assert_eq!(testkit::problem_of(answer).await.code, "forbidden", "{path}");
    }
    // An account that is asked for by somebody who has one already changes nothing for them.
    let account = CanonicalId::generate();
    let client = issuer.client_token(API, &["portal:read"], account);
    let other = CanonicalId::generate();
    let answer = ask(client.clone(), &format!("/v1/projects?account={other}")).await;
    assert_eq!(answer.status().as_u16(), 404);
    // Their own is read from insight, which does not answer here.
    assert_eq!(ask(client, "/v1/projects").await.status().as_u16(), 503);
    running.stop().await;
}

#[tokio::test]
async fn a_client_sees_nothing_of_another_account() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let insight = insight::Insight::start();
    let running = started(folder.path(), &issuer, &insight.url).await;
    let (own, other) = (insight.own, insight.other);
    let ask = async |token: &str, path: String| {
        let answer = testkit::http()
            .get(format!("{}{path}", running.base_url))
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let client = issuer.client_token(API, &["portal:read"], own.account);
    for path in [
        "/v1/projects".to_owned(),
        format!("/v1/projects?account={}", own.account),
        format!("/v1/projects/{}", own.project),
        "/v1/invoices".to_owned(),
        "/".to_owned(),
    ] {
        let (status, text) = ask(&client, path.clone()).await;
        assert_eq!(status, 200, "{path}: {text}");
        assert!(
            text.contains("OWN-") && !text.contains("OTHER-"),
            "{path}: {text}"
        );
        for unsaid in ["margin", "cost", "777"] {
            assert!(!text.contains(unsaid), "{path} tells {unsaid}: {text}");
        }
    }
    for path in [
        format!("/v1/projects/{}", other.project),
        format!("/v1/projects/{}?account={}", other.project, other.account),
        format!("/v1/projects/{}?account={}", own.project, other.account),
        format!("/v1/invoices?account={}", other.account),
        format!("/?account={}", other.account),
        format!("/v1/projects/{}", CanonicalId::generate()),
    ] {
        let (status, text) = ask(&client, path.clone()).await;
        assert_eq!(status, 404, "{path}: {text}");
        assert!(!text.contains("OTHER-"), "{path}: {text}");
    }
    let asked = insight.asked();
    let whose = format!("account_id={}", own.account);
    assert!(asked.iter().all(|line| line.contains(&whose)), "{asked:?}");
    running.stop().await;
}

#[tokio::test]
async fn an_account_lead_says_which_account_and_a_page_offers_them() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let insight = insight::Insight::start();
    let running = started(folder.path(), &issuer, &insight.url).await;
    let lead = issuer.person_token(
        API,
        &["portal:read"],
        &[chassis::Role::AccountLead],
        "lead@firm.example",
    );
    let ask = async |path: String| {
        let url = format!("{}{path}", running.base_url);
        testkit::http().get(url).bearer_auth(&lead).send().await.unwrap()
    };
    let unsaid = ask("/v1/projects".to_owned()).await;
    assert_eq!(testkit::problem_of(unsaid).await.code, "malformed_query");
    let choice = ask("/".to_owned()).await.text().await.unwrap();
    for account in [insight.own.account, insight.other.account] {
        assert!(
            choice.contains(&format!("href=\"/?account={account}\"")),
            "{choice}"
        );
    }
    let path = format!("/v1/projects?account={}", insight.other.account);
    let said = ask(path).await.text().await.unwrap();
    assert!(said.contains("OTHER-") && !said.contains("OWN-"), "{said}");
    running.stop().await;
}
