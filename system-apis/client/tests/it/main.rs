//! What the client makes of a system API that does not answer as it should. What it makes of one that does is tested
//! where the endpoints are, in `system-serving`.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it fails, in its helpers too"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::{App, HttpResponse, HttpServer, web};
use canonical_model::{Account, FailureClass, ListQuery, Outcome, SystemKind, Write};
use circuits::Circuits;
use egress::{BearerToken, ClientSettings};
use serde_json::{Value, json};
use system_client::{Remote, SystemClient};

/// The accounts of an API that answers every call with this.
fn accounts(answer: impl Fn(&Value) -> HttpResponse + Clone + Send + 'static) -> Remote<Account> {
    client(answer).collection("main")
}

fn client(answer: impl Fn(&Value) -> HttpResponse + Clone + Send + 'static) -> SystemClient {
    let server = HttpServer::new(move || {
        let answer = answer.clone();
        let handler = move |body: web::Bytes| {
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            std::future::ready(answer(&body))
        };
        App::new()
            .app_data(web::PayloadConfig::new(1 << 24))
            .default_service(web::to(handler))
    })
    .workers(1)
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs().first().unwrap());
    actix_web::rt::spawn(server.run());
    let settings = ClientSettings::new(url.parse().unwrap());
    SystemClient::new(SystemKind::Erp, &settings, Arc::new(BearerToken("t".into()))).unwrap()
}

fn writes(count: usize) -> Vec<Write<Account>> {
    (0..count)
        .map(|n| Write {
            key: format!("key-{n}").parse().unwrap(),
            id: None,
            expected_version: None,
            record: serde_json::from_value(json!({"name": "x"})).unwrap(),
        })
        .collect()
}

#[actix_web::test]
async fn answers_that_do_not_match_the_writes_leave_them_in_doubt() {
    for results in [json!([]), json!([{"key": "another", "written": {"id": "1"}}])] {
        let accounts = accounts(move |_| HttpResponse::Ok().json(json!({"results": results})));
        let failure = accounts.write(&writes(1).remove(0)).await.unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.class),
            ("answers_missing", FailureClass::Fault)
        );
        assert_eq!(failure.outcome, Outcome::Unknown);
    }
}

#[actix_web::test]
async fn an_answer_that_cannot_be_read_leaves_a_write_in_doubt() {
    let accounts = accounts(|_| HttpResponse::Ok().body("<html>"));
    let failure = accounts.write(&writes(1).remove(0)).await.unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.outcome),
        ("undecodable_answer", Outcome::Unknown)
    );
    let read = accounts.read("1").await.unwrap_err();
    assert_eq!(read.outcome, Outcome::NotApplied);
}

#[actix_web::test]
async fn a_later_batch_that_is_not_answered_is_told_in_its_own_results() {
    let accounts = accounts(|body| {
        let writes = body["writes"].as_array().unwrap();
        if writes.iter().any(|write| write["key"] == "key-1500") {
            return HttpResponse::BadGateway().finish();
        }
        let results: Vec<_> = writes
            .iter()
            .map(|write| json!({"key": write["key"], "written": {"id": "1"}}))
            .collect();
        HttpResponse::Ok().json(json!({"results": results}))
    });
    let results = accounts.write_all(&writes(2_200)).await.unwrap();
    let in_doubt: Vec<_> = results
        .iter()
        .map(|r| r.failure.as_ref().is_some_and(|f| f.is_unknown()))
        .collect();
    assert_eq!(in_doubt.iter().filter(|doubt| **doubt).count(), 1_000);
    assert!(in_doubt.iter().skip(1_000).take(1_000).all(|doubt| *doubt));
}

#[actix_web::test]
async fn a_listing_that_does_not_end_is_a_fault() {
    let accounts = accounts(|_| HttpResponse::Ok().json(json!({"items": [], "next_cursor": "same"})));
    let failure = accounts.list_all(&ListQuery::default()).await.unwrap_err();
    assert_eq!(failure.code, "endless_listing");
}

#[actix_web::test]
async fn a_key_that_several_records_carry_settles_nothing() {
    let record = |id: &str| {
        json!({"connection": "erp/main", "object": "customer", "id": id, "changed_at": "2026-03-01T10:00:00Z",
            "data": {"name": "x"}})
    };
    let accounts = accounts(move |_| HttpResponse::Ok().json([record("1"), record("2")]));
    let failure = accounts.find_by_key(&"key-0".parse().unwrap()).await.unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.class),
        ("effect_key_not_unique", FailureClass::Fault)
    );
}

#[actix_web::test]
async fn a_connection_that_is_down_is_not_asked_again_by_reads_nor_by_batches() {
    let failure = json!({"class": "transient", "code": "vendor_unavailable", "message": "down", "outcome": "not_applied",
        "source": "erp/main"});
    let calls = Arc::new(AtomicUsize::new(0));
    let (counter, in_batch) = (Arc::clone(&calls), failure.clone());
    let client = client(move |body| {
        counter.fetch_add(1, Ordering::SeqCst);
        match body["writes"].as_array() {
            Some(writes) => {
                let results: Vec<_> = writes
                    .iter()
                    .map(|write| json!({"key": write["key"], "failure": in_batch}))
                    .collect();
                HttpResponse::Ok().json(json!({"results": results}))
            }
            None => {
                let mut problem = in_batch.clone();
                let told = problem.as_object_mut().unwrap().remove("message");
                problem["detail"] = told.unwrap();
                HttpResponse::ServiceUnavailable().json(problem)
            }
        }
    });
    let circuits = Circuits::default();
    let guarded = client.clone().guarded_by(circuits.clone());
    let accounts: Remote<Account> = guarded.collection("main");
    assert_eq!(accounts.read("1").await.unwrap_err().code, "vendor_unavailable");
    let results = accounts.write_all(&writes(3)).await.unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(
        accounts.changes(None, 10).await.unwrap_err().code,
        "vendor_unavailable"
    );
    let asked = calls.load(Ordering::SeqCst);
    for failure in [
        accounts.read("1").await.unwrap_err(),
        accounts.write_all(&writes(3)).await.unwrap_err(),
        accounts.changes(None, 10).await.unwrap_err(),
    ] {
        assert_eq!(
            (failure.code.as_str(), failure.source.as_deref(), failure.outcome),
            ("connection_paused", Some("erp/main"), Outcome::NotApplied)
        );
    }
    assert_eq!(calls.load(Ordering::SeqCst), asked);
    let others: Remote<Account> = guarded.collection("americas");
    assert_eq!(others.read("1").await.unwrap_err().code, "vendor_unavailable");
}
