//! What is refused before a connector sees it.

use serde_json::{Value, json};

use crate::memory::Office;

#[tokio::test]
async fn a_query_is_read_strictly() {
    let office = Office::open().await;
    for query in [
        "limit=0",
        "limit=1001",
        "limit=many",
        "colour=red",
        "date_from=yesterday",
    ] {
        let request = testkit::http().get(office.url(&format!("/main/accounts?{query}")));
        assert_eq!(
            office.refusal(request).await,
            (400, "malformed_query".to_owned()),
            "{query}"
        );
    }
    for query in ["by=colour&value=red", "by=name", "by=name&value="] {
        let request = testkit::http().get(office.url(&format!("/main/accounts/matches?{query}")));
        assert_eq!(
            office.refusal(request).await,
            (400, "malformed_query".to_owned()),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_batch_that_cannot_be_answered_item_by_item_is_refused_whole() {
    let office = Office::open().await;
    let item = |key: &str| json!({"key": key, "record": {"name": "x"}});
    let many: Vec<Value> = (0..1001).map(|n| item(&n.to_string())).collect();
    let bodies = [
        json!({"writes": []}),
        json!({"writes": many}),
        json!({"writes": [item("a"), item("a")]}),
        json!({"writes": [{"record": {"name": "x"}}]}),
        json!({"writes": [item("a b")]}),
        json!({"writes": [item("a")], "dry_run": true}),
    ];
    for body in bodies {
        let request = post(&office)
            .header("idempotency-key", "k")
            .body(body.to_string());
        let (status, code) = office.refusal(request).await;
        assert_eq!(
            (status, code.as_str()),
            (422, "invalid_body"),
            "{:.80}",
            body.to_string()
        );
    }
}

#[tokio::test]
async fn a_write_names_its_call_and_is_json() {
    let office = Office::open().await;
    let body = r#"{"writes": [{"key": "a", "record": {"name": "x"}}]}"#;
    let nameless = office.refusal(post(&office).body(body)).await;
    assert_eq!(nameless, (400, "idempotency_key_missing".to_owned()));
    let torn = office
        .refusal(post(&office).header("idempotency-key", "k").body("{"))
        .await;
    assert_eq!(torn, (400, "malformed_body".to_owned()));
    let url = office.url("/main/accounts/writes");
    let text = testkit::http()
        .post(url)
        .header("idempotency-key", "k")
        .header("content-type", "text/plain");
    let text = office.refusal(text.body(body)).await;
    assert_eq!(text, (415, "unsupported_media_type".to_owned()));
}

#[tokio::test]
async fn each_refusal_has_its_status() {
    let office = Office::open().await;
    let get = |path: &str| testkit::http().get(office.url(path));
    let cases = [
        ("/emea/accounts", 404, "connection_not_found"),
        ("/main/accounts/77", 404, "not_found"),
        ("/main/tasks", 422, "capability_absent"),
        ("/main/accounts?person=7", 422, "filter_not_supported"),
        ("/main/health", 503, "connection_failed"),
        ("/main/cost-rates", 403, "missing_scope"),
        ("/main/invoices", 404, "route_not_found"),
    ];
    for (path, status, code) in cases {
        assert_eq!(
            office.refusal(get(path)).await,
            (status, code.to_owned()),
            "{path}"
        );
    }
}

fn post(office: &Office) -> reqwest::RequestBuilder {
    testkit::http()
        .post(office.url("/main/accounts/writes"))
        .header("content-type", "application/json")
}
