//! The API as it is started, without the systems behind it; the loop itself is played in `tests/` of the workspace.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

mod faults;
mod world;

use canonical_model::{Accepted, CanonicalId};
use invoice_to_cash_process_api::{Settings, contract, run, turns};
use serde_json::json;
use testkit::Issuer;

const API: &str = "invoice-to-cash-process-api";

#[test]
fn the_committed_contract_is_what_the_code_says() {
    testkit::check_contract(&contract(), "process/invoice-to-cash.v1.json");
}

#[test]
fn the_default_settings_hold() {
    chassis::load_with::<Settings>(toml::Table::new()).unwrap();
}

#[tokio::test]
async fn whoever_may_not_is_refused_and_a_repeated_notice_is_one() {
    let (folder, issuer) = (tempfile::tempdir().unwrap(), Issuer::start().await);
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "not-asked-for").unwrap();
    let nobody = "http://127.0.0.1:9";
    let overrides = toml::toml! {
        http = { port = 0 }
        auth = { issuer = (issuer.url().to_string()) }
        database = { url = (format!("sqlite:{}", folder.path().join("i2c.sqlite").display())) }
        identity = { token_url = (format!("{nobody}/token")), client_secret = (format!("file:{}", secret.display())) }
        processes = { control = nobody, insight = nobody }
        systems = { crm = nobody, erp = nobody }
    };
    let running = run(&chassis::load_with(overrides).unwrap()).await.unwrap();
    testkit::check_refusals(&running.base_url, &contract(), &issuer, API).await;

    let token = issuer.service_token(API, &["invoices:notify"]);
    let tell = async |key: &str, id: &str| {
        testkit::http()
            .post(format!("{}/v1/invoice-notices", running.base_url))
            .bearer_auth(&token)
            .header("idempotency-key", key)
            .json(&json!({"connection": "erp/main", "invoice_id": id}))
            .send()
            .await
            .unwrap()
    };
    let first: Accepted = tell("one", "107").await.json().await.unwrap();
    let again: Accepted = tell("one", "107").await.json().await.unwrap();
    assert!(first.new);
    assert_eq!(first, again);
    assert_eq!(tell("one", "108").await.status().as_u16(), 409);
    running.stop().await;
}

#[tokio::test]
async fn feedback_of_one_account_takes_turns() {
    let migrations: Vec<_> = process_engine::MIGRATIONS
        .into_iter()
        .chain([turns::MIGRATION])
        .collect();
    for (engine, db) in testkit::test_database(&migrations).await {
        let (account, first, second) = (
            CanonicalId::generate(),
            CanonicalId::generate(),
            CanonicalId::generate(),
        );
        let take = async |who| {
            db.write(move |tx| Box::pin(async move { turns::take(tx, account, who).await }))
                .await
        };
        let give = async |who| {
            db.write(move |tx| Box::pin(async move { turns::give(tx, account, who).await }))
                .await
        };
        assert_eq!(take(first).await, Ok(true), "{engine}");
        assert_eq!(
            take(first).await,
            Ok(true),
            "{engine}: trying again keeps the turn"
        );
        assert_eq!(take(second).await, Ok(false), "{engine}");
        assert_eq!(
            give(second).await,
            Ok(()),
            "{engine}: who has not the turn cannot give it"
        );
        assert_eq!(take(second).await, Ok(false), "{engine}");
        assert_eq!(give(first).await, Ok(()), "{engine}");
        assert_eq!(take(second).await, Ok(true), "{engine}");
    }
}
