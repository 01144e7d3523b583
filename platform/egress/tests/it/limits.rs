//! Limits of number, time and size.

use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical_model::{FailureClass, Outcome};
use egress::{HttpClient, Request};
use futures_util::future::join_all;
use serde_json::json;
use tokio::sync::Notify;

use crate::peer::{Peer, Reply};

#[tokio::test]
async fn no_more_calls_are_under_way_than_the_vendor_allows() {
    let gate = Arc::new(Notify::new());
    let peer = Peer::always(Reply::Wait(Arc::clone(&gate))).await;
    let mut settings = peer.settings();
    settings.max_concurrent = Some(2);
    let client = HttpClient::new(settings).unwrap();
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.send(Request::get("/")).await.unwrap().status })
        })
        .collect();
    for finished in 0..5 {
        // Each answer lets exactly one more call begin.
        let expected = (finished + 2).min(5);
        while peer.received().len() < expected {
            tokio::task::yield_now().await;
        }
        assert_eq!(peer.received().len(), expected);
        gate.notify_one();
        while calls.iter().filter(|call| call.is_finished()).count() <= finished {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_call_that_waits_too_long_for_its_turn_is_given_up_unsent() {
    let peer = Peer::always(Reply::Wait(Arc::default())).await;
    let mut settings = peer.settings();
    (settings.max_concurrent, settings.max_wait_ms) = (Some(1), 100);
    let client = HttpClient::new(settings).unwrap();
    let first = client.clone();
    let first = tokio::spawn(async move { first.send(Request::get("/")).await });
    while peer.received().is_empty() {
        tokio::task::yield_now().await;
    }
    let failure = client
        .send(Request::post_json("/", &json!({})))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.outcome),
        ("own_limit_reached", Outcome::NotApplied)
    );
    assert_eq!(peer.received().len(), 1);
    first.abort();
}

#[tokio::test]
async fn calls_start_at_the_rate_that_is_set() {
    let peer = Peer::always(Reply::status(200)).await;
    let mut settings = peer.settings();
    settings.rate_per_second = Some(20);
    let client = HttpClient::new(settings).unwrap();
    let begun = Instant::now();
    for answer in join_all((0..30).map(|_| client.send(Request::get("/")))).await {
        answer.unwrap();
    }
    // Twenty may start at once, the other ten one every 50 ms.
    assert!(
        begun.elapsed() >= Duration::from_millis(450),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_answer_beyond_the_size_limit_is_not_read() {
    let peer = Peer::always(Reply::json(&format!("{:?}", "x".repeat(2000)))).await;
    let mut settings = peer.settings();
    settings.max_answer_bytes = 1000;
    let client = HttpClient::new(settings).unwrap();
    let read = client.send(Request::get("/")).await.unwrap_err();
    let write = client
        .send(Request::post_json("/", &json!({})))
        .await
        .unwrap_err();
    assert_eq!(
        (read.code.as_str(), read.class, read.outcome),
        ("answer_too_large", FailureClass::Fault, Outcome::NotApplied)
    );
    assert_eq!(write.outcome, Outcome::Unknown);
    assert_eq!(peer.received().len(), 2);
}

#[tokio::test]
async fn connections_are_used_again() {
    let peer = Peer::always(Reply::status(200)).await;
    let client = peer.client();
    for _ in 0..5 {
        client.send(Request::get("/")).await.unwrap();
    }
    assert!(peer.received().iter().all(|request| request.connection == 0));
}
