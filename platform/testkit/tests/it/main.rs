//! The helpers of tests, where no other crate's tests would notice that they do nothing.

use persistence::{Migration, args};
use testkit::{Issuer, http, test_database};

const NOTES: Migration = Migration {
    name: "notes",
    sql: "CREATE TABLE notes (id TEXT PRIMARY KEY)",
};

#[tokio::test]
async fn each_database_is_its_own() {
    for round in ["one", "two"] {
        for (engine, database) in test_database(&[NOTES]).await {
            let count = database
                .write(move |tx| {
                    Box::pin(async move {
                        tx.execute("INSERT INTO notes (id) VALUES ($1)", args![round])
                            .await?;
                        Ok(tx.all("SELECT id FROM notes", args![]).await?.len())
                    })
                })
                .await
                .unwrap();
            assert_eq!(count, 1, "{engine}");
        }
    }
}

#[tokio::test]
async fn any_client_gets_a_token_and_an_unknown_grant_is_refused() {
    let issuer = Issuer::start().await;
    let ask = |grant: &'static str| {
        let form = [
            ("grant_type", grant),
            ("client_id", "erp"),
            ("audience", "control-process-api"),
            ("scope", "a b"),
        ];
        http()
            .post(issuer.url().join("token").unwrap())
            .form(&form)
            .send()
    };
    let granted: serde_json::Value = ask("client_credentials").await.unwrap().json().await.unwrap();
    assert_eq!(granted["scope"], "a b");
    assert_eq!(granted["access_token"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(ask("password").await.unwrap().status(), 400);
}
