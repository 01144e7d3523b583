//! Failures of our own APIs come back as they were.

use canonical_model::{FailureClass, Outcome};
use egress::Request;
use serde_json::{Value, json};

use crate::peer::{Peer, Reply};

#[tokio::test]
async fn a_problem_document_is_the_failure_that_it_carries() {
    let body = json!({
        "type": "urn:fairlead:error:period_closed", "title": "Unprocessable Entity", "status": 422,
        "detail": "The period 2026-01 is closed.", "code": "period_closed", "class": "business",
        "outcome": "unknown", "source": "erp/main", "retry_after_ms": 7, "correlation_id": "x"
    });
    let peer = Peer::always(Reply::Whole(
        422,
        "content-type: application/problem+json\r\n",
        body.to_string(),
    ))
    .await;
    let failure = peer
        .client()
        .call::<Value>(Request::post_json("/", &json!({})))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.class, failure.code.as_str()),
        (FailureClass::Business, "period_closed")
    );
    assert_eq!(failure.message, "The period 2026-01 is closed.");
    assert_eq!(
        (failure.outcome, failure.source.as_deref()),
        (Outcome::Unknown, Some("erp/main"))
    );
    assert_eq!(failure.retry_after_ms, Some(7));
}

#[tokio::test]
async fn an_answer_of_something_in_between_is_judged_by_its_status() {
    let cases = [
        (503, FailureClass::Transient, Outcome::NotApplied),
        (429, FailureClass::Transient, Outcome::NotApplied),
        (502, FailureClass::Transient, Outcome::Unknown),
        (504, FailureClass::Transient, Outcome::Unknown),
        (500, FailureClass::Fault, Outcome::Unknown),
        (413, FailureClass::Fault, Outcome::NotApplied),
        (302, FailureClass::Fault, Outcome::Unknown),
    ];
    for (status, class, outcome) in cases {
        let peer = Peer::always(Reply::Whole(status, "", "<html>".to_owned())).await;
        let failure = peer
            .client()
            .call::<Value>(Request::post_json("/", &json!({})))
            .await
            .unwrap_err();
        assert_eq!((failure.class, failure.outcome), (class, outcome), "{status}");
        assert_eq!(failure.source.as_deref(), Some("erp/main"));
    }
}
