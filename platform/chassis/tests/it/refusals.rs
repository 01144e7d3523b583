//! What is refused, and how: always as problem+json.

use canonical_model::{Failure, FailureClass, Outcome};
use chassis::{Extras, HttpSettings};
use reqwest::{Method, StatusCode};
use serde_json::json;
use testkit::{check_refusals, problem_of};

use crate::support::{NAME, Sample, contract};

#[tokio::test]
async fn every_operation_refuses_what_every_api_refuses() {
    let sample = Sample::start().await;
    check_refusals(&sample.running.base_url, &contract(), &sample.issuer, NAME).await;
}

#[tokio::test]
async fn a_body_is_refused_for_what_is_wrong_with_it() {
    let sample = Sample::start().await;
    let post = |body: &'static str| {
        let request = sample
            .ask(Method::POST, "/v1/invoices")
            .header("idempotency-key", "k1");
        request
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let malformed = post("{\"number\": ").await.unwrap();
    assert_eq!(
        (malformed.status(), problem_of(malformed).await.code.as_str()),
        (StatusCode::BAD_REQUEST, "malformed_body")
    );
    let of_another_shape = post("{\"number\": 5, \"lines\": []}").await.unwrap();
    assert_eq!(of_another_shape.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem_of(of_another_shape).await.detail.contains("invalid type"));
    let out_of_range = post("{\"number\": \"1\", \"lines\": [{\"minutes\": 5}, {\"minutes\": 1500}]}")
        .await
        .unwrap();
    assert_eq!(out_of_range.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem = problem_of(out_of_range).await;
    assert_eq!(problem.code, "invalid_body");
    assert!(
        problem
            .detail
            .contains("lines[1].minutes must be within min 1, max 1440"),
        "{}",
        problem.detail
    );
    let sound = post("{\"number\": \"1\", \"lines\": [{\"minutes\": 5}]}")
        .await
        .unwrap();
    assert_eq!(sound.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_of_another_type_or_too_long_is_refused() {
    let http = HttpSettings {
        max_body_bytes: 2_048,
        ..HttpSettings::default()
    };
    let sample = Sample::start_with(http, Extras::default()).await;
    let post = || {
        sample
            .ask(Method::POST, "/v1/invoices")
            .header("idempotency-key", "k1")
    };
    let text = post()
        .header("content-type", "text/plain")
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (text.status(), problem_of(text).await.code.as_str()),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
    );
    let long = post()
        .json(&json!({ "number": "x".repeat(4_096), "lines": [] }))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (long.status(), problem_of(long).await.code.as_str()),
        (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
    );
}

#[tokio::test]
async fn a_post_needs_an_idempotency_key() {
    let sample = Sample::start().await;
    for key in ["", "two words", &"x".repeat(65)] {
        let request = sample
            .ask(Method::POST, "/v1/invoices")
            .json(&json!({ "number": "1", "lines": [] }));
        let answer = request.header("idempotency-key", key).send().await.unwrap();
        assert_eq!(
            (answer.status(), problem_of(answer).await.code.as_str()),
            (StatusCode::BAD_REQUEST, "idempotency_key_missing")
        );
    }
}

#[tokio::test]
async fn a_query_is_checked() {
    let sample = Sample::start().await;
    let unreadable = sample
        .ask(Method::GET, "/v1/invoices?limit=many")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (unreadable.status(), problem_of(unreadable).await.code.as_str()),
        (StatusCode::BAD_REQUEST, "malformed_query")
    );
    let too_many = sample
        .ask(Method::GET, "/v1/invoices?limit=101")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (too_many.status(), problem_of(too_many).await.code.as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_query")
    );
}

#[tokio::test]
async fn a_wrong_method_learns_the_right_ones() {
    let sample = Sample::start().await;
    let cases = [
        ("/v1/invoices", "GET, POST"),
        ("/v1/invoices/7", "GET"),
        ("/metrics", "GET"),
        ("/openapi.json", "GET"),
        ("/docs/", "GET"),
    ];
    for (path, allowed) in cases {
        let answer = sample.ask(Method::DELETE, path).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.headers()["allow"], allowed, "{path}");
        assert_eq!(problem_of(answer).await.code, "method_not_allowed");
    }
    let undocumented = sample.ask(Method::DELETE, "/page").send().await.unwrap();
    assert_eq!(undocumented.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(undocumented.headers()["allow"], "GET, POST");
    problem_of(undocumented).await;
}

#[tokio::test]
async fn a_failure_arrives_as_it_left() {
    let sample = Sample::start().await;
    let read = |number: &str| sample.ask(Method::GET, &format!("/v1/invoices/{number}")).send();

    let missing = read("7").await.unwrap();
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let failure = Failure::from(problem_of(missing).await);
    assert_eq!(
        failure,
        Failure::business("not_found", "There is no such invoice.")
    );

    let vendor = read("vendor").await.unwrap();
    assert_eq!(vendor.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(problem_of(vendor).await.source.as_deref(), Some("erp/main"));

    let locked = read("locked").await.unwrap();
    assert_eq!(
        (locked.status(), &locked.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"3".parse().unwrap())
    );
    assert_eq!(problem_of(locked).await.retry_after_ms, Some(2_500));

    let broken = read("broken").await.unwrap();
    assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(broken.headers().contains_key("x-correlation-id"));
    let problem = problem_of(broken).await;
    assert_eq!(
        (problem.code.as_str(), problem.class, problem.outcome),
        ("handler_panicked", FailureClass::Fault, Outcome::Unknown)
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let http = HttpSettings {
        request_timeout_ms: 100,
        ..HttpSettings::default()
    };
    let sample = Sample::start_with(http, Extras::default()).await;
    let answer = sample.ask(Method::GET, "/v1/invoices/slow").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let problem = problem_of(answer).await;
    assert_eq!(
        (problem.code.as_str(), problem.outcome),
        ("request_timed_out", Outcome::Unknown)
    );
}
