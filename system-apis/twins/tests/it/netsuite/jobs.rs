//! Asynchronous requests and batches.

use serde_json::{Value, json};
use vendor_twins::netsuite::NetSuiteSettings;

use super::{Account, Answer, COLLECTION, answer};

async fn submit(account: &Account, method: &str, items: Value, key: &str) -> Answer {
    let request = account
        .request(method, "record/v1/timeBill")
        .header("content-type", COLLECTION)
        .header("prefer", "respond-async")
        .header("x-netsuite-idempotency-key", key);
    answer(request.body(json!({"items": items}).to_string())).await
}

fn entry(project: &str, key: &str, date: &str) -> Value {
    json!({"externalId": key, "employee": "11", "customer": project, "tranDate": date, "hours": "1:30", "item": "103"})
}

#[actix_web::test]
async fn each_record_of_a_batch_succeeds_or_fails_alone() {
    let account = Account::start().await;
    let (_, project, _) = account.engagement().await;
    let items = json!([
        entry(&project, "a", "2026-11-20"),
        entry(&project, "b", "2026-03-02"),
        entry(&project, "c", "2026-11-20")
    ]);
    let taken = submit(&account, "PUT", items.clone(), "k-1").await;
    assert_eq!(
        (
            taken.status,
            taken.headers.get("preference-applied").unwrap().as_bytes()
        ),
        (202, &b"respond-async"[..])
    );
    let job = account.get(&taken.location).await.body;
    assert_eq!(
        (&job["completed"], &job["progress"]),
        (&json!(true), &json!("succeeded"))
    );
    let tasks = account
        .get(job["task"]["links"][0]["href"].as_str().unwrap())
        .await
        .body;
    assert_eq!(tasks["count"], 3);
    let task = account.get(&format!("{}/task/2", taken.location)).await.body;
    assert_eq!(
        task["progress"], "succeeded",
        "processed, which is not yet written"
    );
    let result = async |n: usize| account.get(&format!("{}/task/{n}/result", taken.location)).await;
    assert_eq!(result(1).await.status, 204);
    let refused = result(2).await;
    assert_eq!(
        (refused.status, refused.refusal().1.as_str()),
        (400, "USER_ERROR")
    );
    let id = result(3).await.id();
    assert_eq!(account.read("timeBill", "eid:c").await["id"], id.as_str());

    let again = submit(&account, "PUT", items.clone(), "k-1").await;
    assert_eq!(
        (again.status, again.refusal().1.as_str()),
        (400, "IDEMPOTENCY_ERROR")
    );
    assert_eq!(
        (&again.body["title"], &again.location),
        (&json!("Conflict"), &taken.location)
    );
    let other = submit(&account, "PUT", items, "k-2").await;
    assert_eq!(
        account
            .get(&format!("{}/task/3/result", other.location))
            .await
            .id(),
        id,
        "an upsert, not a second entry"
    );
    assert_eq!(account.value("SELECT COUNT(*) FROM timebill").await, "2");
}

#[actix_web::test]
async fn a_job_takes_its_time_and_a_batch_its_form() {
    let settings = NetSuiteSettings {
        async_job_ms: 3_600_000,
        idempotency_conflict_status: 409,
        ..NetSuiteSettings::default()
    };
    let account = Account::with(settings).await;
    let (_, project, _) = account.engagement().await;
    let one = json!([entry(&project, "a", "2026-11-20")]);
    let taken = submit(&account, "POST", one.clone(), "k").await;
    let job = account.get(&taken.location).await.body;
    assert_eq!(
        (&job["completed"], &job["progress"]),
        (&json!(false), &json!("pending"))
    );
    assert_eq!(
        account
            .get(&format!("{}/task/1/result", taken.location))
            .await
            .status,
        404
    );
    assert_eq!(submit(&account, "POST", one, "k").await.status, 409);
    let many: Vec<Value> = (0..101)
        .map(|n| entry(&project, &format!("m{n}"), "2026-11-20"))
        .collect();
    assert_eq!(
        submit(&account, "PUT", json!(many), "m").await.refusal().1,
        "INVALID_REQUEST"
    );
    let at_once = account
        .request("PUT", "record/v1/timeBill")
        .header("content-type", COLLECTION);
    let at_once = answer(at_once.body(json!({"items": []}).to_string())).await;
    assert_eq!(at_once.refusal().1, "INVALID_REQUEST");
}

#[actix_web::test]
async fn a_single_request_can_be_asynchronous_too() {
    let account = Account::start().await;
    let request = account
        .request("POST", "record/v1/customer")
        .header("prefer", "respond-async");
    let taken = answer(request.json(&json!({"companyName": "Later", "subsidiary": {"id": "1"}}))).await;
    assert_eq!(taken.status, 202);
    let result = account.get(&format!("{}/task/1/result", taken.location)).await;
    assert_eq!(
        account.read("customer", &result.id()).await["companyName"],
        "Later"
    );
}
