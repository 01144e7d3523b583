//! The contract, and what every operation refuses.

use testkit::{Issuer, check_contract, check_refusals};
use time_to_invoice_process_api::contract;

use crate::world::World;

#[test]
fn the_contract_is_the_committed_one() {
    check_contract(&contract(), "process/time-to-invoice.v1.json");
}

#[actix_web::test]
async fn every_operation_refuses_callers_without_the_right_token() {
    let issuer = Issuer::start().await;
    let world = World::start(&issuer).await;
    let running = world.run(&issuer).await;
    check_refusals(
        &running.base_url,
        &contract(),
        &issuer,
        "time-to-invoice-process-api",
    )
    .await;
    running.stop().await;
}

#[actix_web::test]
async fn a_bad_request_is_told_what_is_wrong_with_it() {
    let issuer = Issuer::start().await;
    let world = World::start(&issuer).await;
    let running = world.run(&issuer).await;
    let token = issuer.service_token(
        "time-to-invoice-process-api",
        &["postings:read", "billing:write", "work:write"],
    );
    let (http, base) = (testkit::http(), &running.base_url);
    let get = |path: &str| http.get(format!("{base}{path}")).bearer_auth(&token).send();
    let problem = testkit::problem_of(get("/v1/posting-lines?cursor=x").await.unwrap()).await;
    assert_eq!(problem.code, "malformed_cursor");
    let problem = testkit::problem_of(get("/v1/posting-lines?limit=0").await.unwrap()).await;
    assert_eq!(problem.code, "invalid_query");
    let post = |key: Option<&str>, body: serde_json::Value| {
        let request = http
            .post(format!("{base}/v1/work-notices"))
            .bearer_auth(&token)
            .json(&body);
        match key {
            Some(key) => request.header("idempotency-key", key).send(),
            None => request.send(),
        }
    };
    let foreign = serde_json::json!({ "connection": "psa/other", "kind": "time_entry", "ids": ["1"] });
    let problem = testkit::problem_of(post(None, foreign.clone()).await.unwrap()).await;
    assert_eq!(problem.code, "idempotency_key_missing");
    let problem = testkit::problem_of(post(Some("n-1"), foreign).await.unwrap()).await;
    assert_eq!(problem.code, "unknown_connection");
    running.stop().await;
}
