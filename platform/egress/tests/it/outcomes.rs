//! What is known of a request after it failed, and what is sent again.

use canonical_model::{FailureClass, Outcome};
use egress::Request;
use serde_json::json;

use crate::peer::{Peer, Reply};

#[tokio::test]
async fn nothing_was_written_when_no_connection_came_about() {
    let peer = Peer::always(Reply::status(200)).await;
    let mut settings = peer.settings();
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    settings.base_url.set_port(Some(port)).unwrap();
    let client = egress::HttpClient::new(settings).unwrap();
    let failure = client
        .send(Request::post_json("/invoices", &json!({})))
        .await
        .unwrap_err();
    assert_eq!(failure.code, "connection_failed");
    assert_eq!(
        (failure.class, failure.outcome),
        (FailureClass::Transient, Outcome::NotApplied)
    );
    assert_eq!(failure.source.as_deref(), Some("erp/main"));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_has_an_unknown_outcome_and_is_sent_once() {
    for reply in [Reply::Hangup, Reply::CutOff(200), Reply::CutOff(400)] {
        let peer = Peer::always(reply).await;
        let failure = peer
            .client()
            .send(Request::post_json("/invoices", &json!({"total": "1.00"})))
            .await
            .unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.outcome),
            ("no_answer", Outcome::Unknown)
        );
        assert_eq!(peer.received().len(), 1);
    }
}

#[tokio::test]
async fn a_write_that_is_not_answered_in_time_has_an_unknown_outcome_and_is_sent_once() {
    let peer = Peer::always(Reply::Wait(std::sync::Arc::default())).await;
    let mut settings = peer.settings();
    settings.timeout_ms = 150;
    let client = egress::HttpClient::new(settings).unwrap();
    let failure = client.send(Request::delete("/invoices/1")).await.unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.outcome),
        ("timeout", Outcome::Unknown)
    );
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn whatever_status_a_write_gets_is_its_answer() {
    for status in [204, 302, 409, 429, 500, 502, 503, 504] {
        let peer = Peer::always(Reply::status(status)).await;
        let answer = peer
            .client()
            .send(Request::post_json("/x", &json!({})))
            .await
            .unwrap();
        assert_eq!(answer.status, status);
        assert_eq!(peer.received().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_read_is_sent_again_twice_and_no_more() {
    for reply in [
        Reply::Hangup,
        Reply::CutOff(200),
        Reply::status(502),
        Reply::status(503),
        Reply::status(504),
    ] {
        let peer = Peer::always(reply).await;
        let result = peer.client().send(Request::get("/invoices")).await;
        match result {
            Ok(answer) => assert!(answer.status.is_server_error()),
            Err(failure) => assert_eq!(
                (failure.code.as_str(), failure.outcome),
                ("no_answer", Outcome::NotApplied)
            ),
        }
        assert_eq!(peer.received().len(), 3);
    }
}

#[tokio::test]
async fn a_read_that_recovers_is_answered() {
    let script = [Reply::Hangup, Reply::status(503), Reply::json(r#"{"id":7}"#)];
    let peer = Peer::start(move |n, _| script[n].clone()).await;
    let answer = peer
        .client()
        .send(Request::post_json("/query", &json!({})).reading())
        .await
        .unwrap();
    assert_eq!(answer.json::<serde_json::Value>().unwrap(), json!({"id": 7}));
}

#[tokio::test]
async fn a_read_does_not_wait_long_on_a_headers_word() {
    let peer = Peer::always(Reply::Whole(503, "retry-after: 3600\r\n", String::new())).await;
    let answer = peer.client().send(Request::get("/")).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.retry_after_ms()),
        (503, Some(3_600_000))
    );
    assert_eq!(peer.received().len(), 1);
}

#[tokio::test]
async fn other_statuses_of_a_read_are_its_answer() {
    for status in [302, 404, 429, 500] {
        let peer = Peer::always(Reply::status(status)).await;
        assert_eq!(
            peer.client().send(Request::get("/")).await.unwrap().status,
            status
        );
        assert_eq!(peer.received().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_a_write_unknown_and_a_read_not() {
    let peer = Peer::always(Reply::json("<html>")).await;
    let read = peer.client().send(Request::get("/")).await.unwrap();
    let write = peer
        .client()
        .send(Request::put_json("/", &json!({})))
        .await
        .unwrap();
    let outcomes = [read, write].map(|answer| {
        let failure = answer.json::<serde_json::Value>().unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.class),
            ("undecodable_answer", FailureClass::Fault)
        );
        failure.outcome
    });
    assert_eq!(outcomes, [Outcome::NotApplied, Outcome::Unknown]);
}

#[tokio::test]
async fn repeats_are_a_share_of_all_calls() {
    let peer = Peer::always(Reply::status(503)).await;
    let client = peer.client();
    for _ in 0..60 {
        client.send(Request::get("/invoices")).await.unwrap();
    }
    // What was saved up, and one more for every ten calls.
    let sent = peer.received().len();
    assert!(
        (60 + 10..=60 + 10 + 6).contains(&sent),
        "{sent} requests for 60 calls"
    );
}

#[tokio::test]
async fn what_our_api_says_of_a_system_behind_it_is_not_asked_again() {
    for (source, sent) in [("erp/main", 1), ("erp-system-api", 3)] {
        let problem =
            json!({"detail": "down", "code": "vendor_unavailable", "class": "transient", "source": source});
        let peer = Peer::always(Reply::Whole(503, "", problem.to_string())).await;
        let failure = peer
            .client()
            .call::<serde_json::Value>(Request::get("/v1/x"))
            .await
            .unwrap_err();
        assert_eq!(failure.source.as_deref(), Some(source));
        assert_eq!(peer.received().len(), sent, "{source}");
    }
}
