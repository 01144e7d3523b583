//! Error bodies, limits and faults.

use serde_json::json;
use vendor_twins::netsuite::NetSuiteSettings;

use super::{Account, answer};

#[actix_web::test]
async fn an_error_has_the_vendors_body() {
    let account = Account::start().await;
    let missing = account.get("record/v1/customer/42").await;
    assert_eq!(
        missing.headers.get("content-type").unwrap(),
        "application/vnd.oracle.resource+json; type=error"
    );
    assert_eq!(
        missing.body["type"],
        "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html#sec10.4.5"
    );
    assert_eq!(
        (&missing.body["title"], &missing.body["status"]),
        (&json!("Not Found"), &json!(404))
    );
    assert_eq!(missing.refusal().1, "NONEXISTENT_ID");
    let unknown = account.get("record/v1/bad-path/1").await;
    assert_eq!(
        unknown.refusal(),
        (
            404,
            "NONEXISTENT_ID".into(),
            "Record type 'bad-path' does not exist".into()
        )
    );
    assert_eq!(unknown.body["o:errorDetails"][0]["o:errorUrl"], "bad-path");
    let broken = account
        .request("POST", "record/v1/customer")
        .header("content-type", "application/json")
        .body("{");
    assert_eq!(answer(broken).await.refusal().1, "INVALID_REQUEST");
    let mut stranger = account;
    stranger.token = "x".into();
    let login = stranger.get("record/v1/customer").await;
    assert!(login.refusal().2.starts_with("Invalid login attempt."));
}

#[actix_web::test]
async fn a_role_and_switched_off_features_bound_what_is_seen() {
    let account = Account::with(NetSuiteSettings {
        disabled_types: vec!["resourceAllocation".into()],
        denied_types: vec!["employee".into()],
        ..NetSuiteSettings::default()
    })
    .await;
    assert_eq!(
        account.get("record/v1/resourceAllocation").await.refusal().1,
        "NONEXISTENT_ID"
    );
    let denied = account.get("record/v1/employee").await;
    assert_eq!(
        (denied.status, denied.refusal().1.as_str()),
        (403, "INSUFFICIENT_PERMISSION")
    );
    let refused = account.query("SELECT id FROM employee").await;
    assert!(refused.refusal().2.contains("Record 'employee' was not found"));
}

#[actix_web::test]
async fn the_account_serves_so_many_requests_at_a_time() {
    let account = Account::with(NetSuiteSettings {
        concurrency_limit: 1,
        processing_ms: 200,
        ..NetSuiteSettings::default()
    })
    .await;
    let (first, second) =
        futures_util::join!(account.get("record/v1/term/1"), account.get("record/v1/term/2"));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 429]);
    let refused = if first.status == 429 { first } else { second };
    assert_eq!(refused.refusal().1, "CONCURRENCY_LIMIT_EXCEEDED");
    assert!(refused.headers.get("retry-after").is_none(), "none is documented");
    assert_eq!(account.get("record/v1/term/1").await.status, 200);
}

#[actix_web::test]
async fn a_lost_answer_leaves_the_record_and_a_lock_leaves_none() {
    let account = Account::start().await;
    account
        .faults(json!([{"method": "POST", "path": "customer", "fault": {"kind": "reset_after"}, "times": 1}]))
        .await;
    let body = json!({"companyName": "Lost", "subsidiary": {"id": "3"}, "externalId": "lost"});
    let lost = account
        .request("POST", "record/v1/customer")
        .json(&body)
        .send()
        .await;
    assert!(lost.is_err());
    assert_eq!(account.read("customer", "eid:lost").await["companyName"], "Lost");
    account
        .faults(json!([{"path": "customer", "fault": {"kind": "locked"}}]))
        .await;
    let locked = account
        .send("PATCH", "record/v1/customer/eid:lost", json!({"memo": "x"}))
        .await;
    assert_eq!(
        (locked.status, locked.refusal().1.as_str()),
        (409, "RCRD_HAS_BEEN_CHANGED")
    );
    let held = account.get("record/v1/customer/eid:lost").await;
    assert_eq!((held.status, held.refusal().1.as_str()), (400, "USER_ERROR"));
    assert_eq!(
        account.rows("SELECT companyname FROM customer").await.len(),
        1,
        "a query reads it all the same"
    );
    account
        .faults(json!([{"path": "customer", "fault": {"kind": "server_error", "status": 500}}]))
        .await;
    assert_eq!(
        account.get("record/v1/customer/1").await.refusal().1,
        "UNEXPECTED_ERROR"
    );
}
