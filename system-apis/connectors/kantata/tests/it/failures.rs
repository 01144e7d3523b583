//! Refusals, limits, permissions and values that nobody mapped.

use canonical_model::{Failure, FailureClass, ListQuery, Outcome, ProjectStatus, Task};
use reqwest::Method;
use serde_json::json;
use system_ports::{Port, PsaPort};
use vendor_twins::kantata::{COLLABORATOR_TOKEN, DEVELOPMENT_TOKEN};

use crate::account::{Desk, Follower, create, eur, hours, milestone, project, prompt, task, update};

async fn refused(desk: &Desk, status: u16) -> Failure {
    let fault = json!({"kind": "server_error", "status": status});
    desk.faults(json!([{"method": "POST", "path": "workspace_groups", "fault": fault, "times": 1}]))
        .await;
    let results = desk
        .psa
        .accounts()
        .write(&[create("x", crate::account::account("X"))])
        .await;
    results[0].failure.clone().unwrap()
}

#[actix_web::test]
async fn limits_wait_and_server_errors_of_writes_leave_doubt() {
    let desk = Desk::start().await;
    let place = desk.project("HEL-0000").await;
    desk.faults(json!([{"method": "POST", "path": "stories", "fault": {"kind": "too_many_requests", "retry_after_s": null}, "times": 1}]))
        .await;
    let writes = [create("a", task(&place, "A")), create("b", task(&place, "B"))];
    let results = desk.psa.tasks().write(&writes).await;
    for result in &results {
        let failure = result.failure.as_ref().unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.outcome),
            ("vendor_limit_reached", Outcome::NotApplied)
        );
        assert_eq!(failure.retry_after_ms, Some(desk.settings.limits.retry_after_ms));
    }
    assert!(
        desk.psa
            .tasks()
            .write(&writes)
            .await
            .iter()
            .all(|r| r.written.is_some())
    );
    for status in [500, 502, 504] {
        let failure = refused(&desk, status).await;
        assert!(failure.is_transient() && failure.is_unknown(), "{failure:?}");
    }
    desk.faults(json!([])).await;
    assert!(
        desk.psa
            .accounts()
            .write(&[create("x", crate::account::account("X"))])
            .await[0]
            .failure
            .is_none()
    );
}

#[actix_web::test]
async fn another_unique_value_that_is_taken_is_for_a_person() {
    let desk = Desk::start().await;
    let client = desk.client("owner").await;
    let first = [create("one", project("HEL-0001", &client))];
    assert!(desk.psa.projects().write(&first).await[0].failure.is_none());
    let second = [create("two", project("HEL-0001", &client))];
    let results = desk.psa.projects().write(&second).await;
    let failure = results[0].failure.as_ref().unwrap();
    assert_eq!(
        (failure.code.as_str(), failure.class),
        ("duplicate_value", FailureClass::Business)
    );
    assert_eq!(failure.source.as_deref(), Some("psa/main"));
    // The key is still free.
    let third = [create("two", project("HEL-0002", &client))];
    assert!(desk.psa.projects().write(&third).await[0].failure.is_none());
}

#[actix_web::test]
async fn what_would_be_lost_or_become_something_else_is_refused() {
    let desk = Desk::with(prompt(), DEVELOPMENT_TOKEN, |settings| {
        settings.fields.project_region = None
    });
    let client = desk.client("owner").await;
    let bare = canonical_model::Project {
        region: None,
        ..project("HEL-0001", &client)
    };
    let id = crate::account::written(desk.psa.projects(), "p", bare.clone())
        .await
        .id;
    let code = |results: Vec<canonical_model::WriteResult>| results[0].failure.as_ref().unwrap().code.clone();
    let projects = desk.psa.projects();
    let mut unmapped = project("HEL-0002", &client);
    assert_eq!(
        code(projects.write(&[create("a", unmapped.clone())]).await),
        "field_not_mapped"
    );
    (unmapped.region, unmapped.rate_card) = (None, Some(canonical_model::RecordRef::id("Secret rates")));
    assert_eq!(
        code(projects.write(&[create("b", unmapped)]).await),
        "rate_card_not_found"
    );
    let mut elsewhere = bare.clone();
    elsewhere.legal_entity = Some(canonical_model::RecordRef::id("Northwind Advisory Mars"));
    assert_eq!(
        code(projects.write(&[create("c", elsewhere)]).await),
        "choice_not_found"
    );
    let mut dollars = bare;
    dollars.currency = canonical_model::Currency::USD;
    (dollars.budget, dollars.rate_card) = (None, None);
    assert_eq!(
        code(projects.write(&[update("d", &id, dollars)]).await),
        "currency_differs"
    );
    let mut pounds = milestone(&id, "M", "10");
    pounds.amount = canonical_model::Money::new(eur("10").amount, canonical_model::Currency::GBP);
    assert_eq!(
        code(desk.psa.milestones().write(&[create("e", pounds)]).await),
        "currency_differs"
    );
    let missing: Task = task(&id, "T");
    let results = desk.psa.tasks().write(&[update("f", "999999999", missing)]).await;
    assert_eq!(code(results), "not_found");
}

#[actix_web::test]
async fn money_that_may_not_be_seen_is_a_fault_and_never_zero() {
    let account = prompt();
    let desk = Desk::with(account, COLLABORATOR_TOKEN, |settings| {
        settings.subscribed_events = false
    });
    // Lee takes part in a project and sees no money of it.
    let made = desk
        .acts(
            Method::POST,
            "workspaces",
            json!({"workspace": {"title": "Lee's", "currency": "EUR"}}),
        )
        .await;
    let id = made["results"][0]["id"].as_str().unwrap().to_owned();
    desk.acts(
        Method::POST,
        "participations",
        json!({"participation": {"workspace_id": id, "user_id": "16"}}),
    )
    .await;
    let mut entry = hours("2026-11-02", 60);
    (entry.person, entry.task) = ("lee.morgan@northwind-advisory.example".to_owned(), None);
    desk.firm.delivery.log_time(&id, &[entry]).await.unwrap();
    let failure = desk
        .psa
        .time_entries()
        .list(&ListQuery::default())
        .await
        .unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.class),
        ("no_financial_access", FailureClass::Fault)
    );
    // The feed tells it of each record and goes on.
    let mut follower = Follower::new();
    let news = follower.catch_up(desk.psa.time_entries()).await;
    assert_eq!(
        news.last().unwrap().failure.as_ref().unwrap().code,
        "no_financial_access"
    );
    assert_eq!(
        desk.psa.projects().read(&id).await.unwrap_err().code,
        "no_financial_access"
    );
}

#[actix_web::test]
async fn an_odd_record_does_not_stop_the_feed() {
    let desk = Desk::with(prompt(), DEVELOPMENT_TOKEN, |settings| {
        settings.statuses.active = vec![300]
    });
    let odd = desk.project("HEL-0001").await;
    let other = desk.project("HEL-0002").await;
    let hold = json!({"workspace": {"status_key": 400}});
    desk.acts(Method::PUT, &format!("workspaces/{odd}"), hold).await;
    let mut follower = Follower::new();
    follower.catch_up(desk.psa.projects()).await;
    assert_eq!(
        follower.seen[&odd].failure.as_ref().unwrap().code,
        "unmapped_value"
    );
    assert_eq!(follower.data(&other).status, ProjectStatus::Active);
}

#[actix_web::test]
async fn a_refused_token_and_a_missing_right_are_told_apart() {
    let desk = Desk::with(prompt(), "wrong", |_| {});
    assert_eq!(desk.psa.check_health().await.unwrap_err().code, "sign_in_refused");
    let desk = Desk::with(prompt(), COLLABORATOR_TOKEN, |_| {});
    assert_eq!(
        desk.psa.check_health().await.unwrap_err().code,
        "permission_missing"
    );
}

#[actix_web::test]
async fn a_list_that_moves_between_its_pages_loses_and_doubles_nothing() {
    let desk = Desk::start().await;
    let place = desk.project("HEL-0000").await;
    let writes: Vec<_> = (0..450)
        .map(|n| create(&format!("t-{n}"), task(&place, &format!("T {n}"))))
        .collect();
    assert!(
        desk.psa
            .tasks()
            .write(&writes)
            .await
            .iter()
            .all(|r| r.written.is_some())
    );
    desk.faults(json!([{"method": "GET", "path": "stories", "fault": {"kind": "page_shift"}}]))
        .await;
    let mut ids = Vec::new();
    let mut query = ListQuery {
        limit: Some(100),
        project: Some(place),
        ..ListQuery::default()
    };
    loop {
        let page = desk.psa.tasks().list(&query).await.unwrap();
        ids.extend(page.items.into_iter().map(|task| task.id));
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((count, ids.len()), (450, 450));
}

#[actix_web::test]
async fn a_batch_that_meets_maintenance_is_looked_up_and_one_bad_write_stays_alone() {
    let desk = Desk::start().await;
    let place = desk.project("HEL-0000").await;
    let mut writes: Vec<_> = (0..3)
        .map(|n| create(&format!("t-{n}"), task(&place, "T")))
        .collect();
    let locked = json!({"kind": "locked"});
    desk.faults(json!([{"method": "POST", "path": "stories", "fault": locked, "times": 1}]))
        .await;
    let results = desk.psa.tasks().write(&writes).await;
    assert!(
        results
            .iter()
            .all(|r| r.failure.as_ref().is_some_and(Failure::is_unknown)),
        "{results:?}"
    );
    writes[1].expected_version = Some("1".to_owned());
    let results = desk.psa.tasks().write(&writes).await;
    let codes: Vec<_> = results
        .iter()
        .map(|r| r.failure.as_ref().map(|f| f.code.as_str()))
        .collect();
    assert_eq!(codes, [None, Some("record_id_missing"), None]);
}
