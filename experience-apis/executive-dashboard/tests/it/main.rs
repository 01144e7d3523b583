//! The API as it is started, without the APIs behind it; the page over real figures is seen in `tests/` of the workspace.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

use std::path::Path;

use executive_dashboard_experience_api::{Running, Settings, contract, run};
use testkit::Issuer;

const API: &str = "executive-dashboard-experience-api";

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "experience/executive-dashboard.v1.json");
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
        processes = { insight = nobody, control = nobody }
    };
    run(&chassis::load_with(overrides).unwrap()).await.unwrap()
}

#[tokio::test]
async fn whoever_may_not_is_refused() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;

    let client = testkit::http();
    let ask = |role, query: &str| {
        let token = issuer.person_token(API, &["dashboard:read"], &[role], "somebody@northwind.example");
        client
            .get(format!("{}/v1/dashboard?{query}", running.base_url))
            .bearer_auth(token)
            .send()
    };
    let consultant = ask(chassis::Role::Consultant, "").await.unwrap();
    assert_eq!(testkit::problem_of(consultant).await.code, "missing_role");
    let malformed = ask(chassis::Role::Viewer, "from=yesterday").await.unwrap();
    assert_eq!(testkit::problem_of(malformed).await.code, "malformed_query");
    // Who may is told what is missing, and is not shown a page of zeros.
    let unreachable = ask(chassis::Role::Viewer, "from=&to=").await.unwrap();
    assert_eq!(unreachable.status().as_u16(), 503);
    running.stop().await;
}

#[tokio::test]
async fn a_browser_is_sent_to_sign_in_and_gets_the_assets_without() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let running = started(folder.path(), &issuer).await;
    let client = testkit::http();
    let get = |path: &str| {
        client
            .get(format!("{}{path}", running.base_url))
            .header("accept", "text/html")
            .send()
    };
    let page = get("/?region=emea").await.unwrap();
    assert_eq!(page.status().as_u16(), 303);
    assert_eq!(page.headers()["location"], "/sign-in?next=%2F%3Fregion%3Demea");
    for (path, media_type) in [
        ("/assets/fairlead.css", "text/css; charset=utf-8"),
        ("/assets/live.js", "text/javascript; charset=utf-8"),
    ] {
        let asset = get(path).await.unwrap();
        assert_eq!(
            (
                asset.status().as_u16(),
                asset.headers()["content-type"].to_str().unwrap()
            ),
            (200, media_type)
        );
    }
    running.stop().await;
}
