//! Tokens, permissions, limits and faults.

use std::time::Duration;

use serde_json::{Value, json};
use vendor_twins::kantata::{COLLABORATOR_TOKEN, EndpointLimit, KantataSettings, LEAD_TOKEN};
use vendor_twins::store::{Store, system_clock};

use super::{Account, JAMES, LEE, answer, first, refusal};

#[tokio::test]
async fn a_call_without_a_good_token_gets_the_vendors_401() {
    let account = Account::start();
    let url = format!("{}/api/v1/users/me", account.base);
    for request in [
        account.http.get(&url),
        account.http.get(&url).bearer_auth("guess"),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(response.headers().contains_key("x-request-id"));
        let body: Value = response.json().await.unwrap();
        assert_eq!(
            body,
            json!({"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]})
        );
    }
    account
        .faults(json!([{"fault": {"kind": "expired_token"}, "times": 1}]))
        .await;
    assert_eq!(account.get("users/me").await.0, 401);
    assert_eq!(account.get("users/me").await.0, 200);
}

#[tokio::test]
async fn what_a_caller_may_not_see_is_absent_not_zero() {
    let account = Account::start();
    let project = account.project("Hidden money").await;
    account.hours(&project, LEE, &["2026-10-05"]).await;
    let (_, outside) = account.get_as_collaborator("workspaces").await;
    assert_eq!(outside["count"], 0);
    assert_eq!(
        account
            .get_as_collaborator(&format!("workspaces/{project}"))
            .await
            .0,
        404
    );
    for user in [LEE, JAMES] {
        let fields = json!({"workspace_id": project, "user_id": user});
        account.create("participations", "participation", fields).await;
    }
    let (_, inside) = account
        .get_as_collaborator(&format!("workspaces/{project}"))
        .await;
    let workspace = first(&inside);
    assert_eq!(workspace["title"], "Hidden money");
    for hidden in [
        "currency",
        "price",
        "price_in_cents",
        "budget_used_in_cents",
        "target_margin",
    ] {
        assert!(workspace.get(hidden).is_none(), "{hidden}");
    }
    let (_, entries) = account.get_as_collaborator("time_entries").await;
    let entry = first(&entries);
    assert_eq!(entry["time_in_minutes"], 480);
    assert!(entry.get("rate_in_cents").is_none() && entry.get("cost_rate_in_cents").is_none());
    let lead = account
        .http
        .get(format!("{}/api/v1/time_entries", account.base))
        .bearer_auth(LEAD_TOKEN);
    let (_, entries) = answer(lead).await;
    assert_eq!(first(&entries)["rate_in_cents"], 12_000);
    assert!(first(&entries).get("cost_rate_in_cents").is_none());
    assert_eq!(refusal(&account.get_as_collaborator("cost_rates").await).0, 403);
    assert_eq!(
        refusal(&account.get_as_collaborator("subscribed_events").await).0,
        403
    );

    // Another person's id is ignored without a word: the entry lands on whoever asked.
    let body = json!({"time_entry": {
        "workspace_id": project, "user_id": JAMES, "date_performed": "2026-10-06", "time_in_minutes": 60}});
    let request = account
        .http
        .post(format!("{}/api/v1/time_entries", account.base))
        .bearer_auth(COLLABORATOR_TOKEN);
    let (status, made) = answer(request.json(&body)).await;
    assert_eq!((status, &first(&made)["user_id"]), (200, &json!(LEE)));
}

#[tokio::test]
async fn limits_are_by_token_and_endpoint_and_say_nothing_of_when_to_come_back() {
    let limit = EndpointLimit {
        method: "GET".to_owned(),
        collection: "workspaces".to_owned(),
        per_minute: 2,
    };
    let settings = KantataSettings {
        endpoint_limits: vec![limit],
        ..KantataSettings::default()
    };
    // A clock that stands still never comes to the next minute.
    let clock = std::sync::Arc::new(|| chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap());
    let account = Account::with(Store::in_memory(clock), settings);
    for expected in [200, 200, 429] {
        assert_eq!(account.get("workspaces").await.0, expected);
    }
    assert_eq!(account.get_as_collaborator("workspaces").await.0, 200);
    assert_eq!(account.get("users").await.0, 200);
    let limited = account
        .request(reqwest::Method::GET, "workspaces")
        .send()
        .await
        .unwrap();
    assert!(!limited.headers().contains_key("retry-after"));
    assert_eq!(limited.text().await.unwrap(), "Retry later\n");
    account.twin.stop().await;
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_there_and_one_that_was_limited_is_not() {
    let account = Account::with(Store::in_memory(system_clock()), KantataSettings::default());
    let body = |key: &str| json!({"workspace": {"title": key, "custom_fields": [{"custom_field_id": 301, "value": key}]}});
    account
        .faults(
            json!([{"method": "POST", "path": "workspaces", "fault": {"kind": "reset_after"}, "times": 1}]),
        )
        .await;
    let request = account
        .request(reqwest::Method::POST, "workspaces")
        .json(&body("lost"));
    assert!(request.timeout(Duration::from_secs(5)).send().await.is_err());
    let (_, found) = account.get("workspaces?by_custom_text_value=301:lost").await;
    assert_eq!(found["count"], 1);
    assert_eq!(account.post("workspaces", body("lost")).await.0, 422);

    account
        .faults(json!([{"method": "POST", "fault": {"kind": "too_many_requests", "retry_after_s": 3}, "times": 1}]))
        .await;
    assert_eq!(account.post("workspaces", body("limited")).await.0, 429);
    assert_eq!(
        account.get("workspaces?by_custom_text_value=301:limited").await.1["count"],
        0
    );
    account
        .faults(json!([{"fault": {"kind": "server_error", "status": 503}, "times": 1}]))
        .await;
    let (status, kind, ..) = refusal(&account.get("workspaces").await);
    assert_eq!((status, kind.as_str()), (503, "system"));
}

#[tokio::test]
async fn an_account_continues_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kantata.journal");
    let project = {
        let account = Account::with(
            Store::open(&path, system_clock()).unwrap(),
            KantataSettings::default(),
        );
        let project = account.project("Kept").await;
        account.twin.stop().await;
        project
    };
    let account = Account::with(
        Store::open(&path, system_clock()).unwrap(),
        KantataSettings::default(),
    );
    let (_, all) = account.get(&format!("workspaces/{project}")).await;
    assert_eq!(first(&all)["title"], "Kept");
    assert_eq!(account.get("users").await.1["count"], 8);
}
