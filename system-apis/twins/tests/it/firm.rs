//! The firm's people at work in the PSA.

use chrono::NaiveDate;
use serde_json::{Value, json};
use vendor_twins::firm::{Addresses, Credentials, Delivery, Expenditure, Firm, Hours};
use vendor_twins::kantata::DEVELOPMENT_TOKEN;
use vendor_twins::{Place, RunningTwins, TwinsSettings, run_all};

fn start() -> (RunningTwins, Firm) {
    let twins = run_all(TwinsSettings {
        data: None,
        seed: 0,
        salesforce: None,
        netsuite: None,
        kantata: Some(Place::at(0)),
        openid: Some(Place::at(0)),
    })
    .unwrap();
    assert_eq!(
        twins
            .addresses()
            .iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>(),
        ["kantata", "openid"]
    );
    let addresses = Addresses {
        salesforce: String::new(),
        kantata: twins.kantata.as_ref().unwrap().base_url.clone(),
        netsuite: String::new(),
        credentials: Credentials::development(),
    };
    (twins, Firm::at(&addresses).unwrap())
}

/// What the integration writes before people begin; returns the id in the answer.
#[expect(clippy::disallowed_methods, reason = "test client")]
async fn write(twins: &RunningTwins, path: &str, body: Value) -> String {
    let url = format!("{}/api/v1/{path}", twins.kantata.as_ref().unwrap().base_url);
    let request = reqwest::Client::new()
        .post(url)
        .bearer_auth(DEVELOPMENT_TOKEN)
        .json(&body);
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    answer["results"][0]["id"].as_str().unwrap().to_owned()
}

fn mail(name: &str) -> String {
    format!("{name}@northwind-advisory.example")
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn hours(name: &str, role: &str, date: &str) -> Hours {
    Hours {
        person: mail(name),
        task: Some("Analysis".to_owned()),
        role: role.to_owned(),
        date: day(date),
        minutes: 450,
        rate_in_cents: None,
        notes: "process interviews".to_owned(),
    }
}

async fn project(twins: &RunningTwins) -> String {
    let body = json!({"workspace": {"title": "Heliograph", "rate_card_id": 612,
        "custom_fields": [{"custom_field_id": 302, "value": "HEL-0001"}]}});
    let project = write(twins, "workspaces", body).await;
    for (title, kind) in [("Analysis", "task"), ("Blueprint accepted", "milestone")] {
        let body = json!({"story": {"title": title, "story_type": kind, "workspace_id": project}});
        write(twins, "stories", body).await;
    }
    for role in [2, 3, 4] {
        let body = json!({"resource_request": {"approver_ids": [17], "resource_workspace_id": project, "resource_role_id": role,
            "workspace_allocation_start_date": "2026-10-05", "workspace_allocation_end_date": "2026-10-30"}});
        write(twins, "resource_requests", body).await;
    }
    project
}

async fn field(delivery: &Delivery, collection: &str, filters: &[(&str, &str)], name: &str) -> Vec<Value> {
    let records = delivery.list(collection, filters).await.unwrap();
    records.iter().map(|r| r[name].clone()).collect()
}

#[tokio::test]
async fn people_staff_work_approve_and_take_back() {
    let (twins, firm) = start();
    let delivery = firm.delivery;
    let project = project(&twins).await;
    for needle in ["Heliograph", "HEL-0001"] {
        assert_eq!(
            delivery.find_project(needle).await.unwrap().unwrap()["id"],
            project
        );
    }
    assert!(delivery.find_project("Nowhere").await.unwrap().is_none());

    let choose = |role: &str| match role {
        "Senior Consultant" => Some(mail("priya.nair")),
        "Consultant" => Some(mail("tom.becker")),
        _ => None,
    };
    assert_eq!(delivery.staff(&project, choose).await.unwrap(), 2);
    assert_eq!(delivery.staff(&project, choose).await.unwrap(), 0);
    let filter = [("workspace_id", project.as_str())];
    let mut hard = field(&delivery, "workspace_allocations", &filter, "hard").await;
    hard.sort_by_key(Value::to_string);
    assert_eq!(hard, [json!(false), json!(true), json!(true)]);
    // The analyst's seat is still empty, so there is nobody to confirm it for.
    assert_eq!(delivery.confirm(&project).await.unwrap(), 0);

    let week = [
        hours("priya.nair", "Senior Consultant", "2026-10-05"),
        hours("tom.becker", "Consultant", "2026-10-05"),
        hours("priya.nair", "Senior Consultant", "2026-10-06"),
    ];
    let entries = delivery.work(&project, &week).await.unwrap();
    let filters = [("workspace_id", project.as_str()), ("order", "created_at:asc")];
    assert_eq!(
        field(&delivery, "time_entries", &filters, "approved").await,
        vec![json!(true); 3]
    );
    assert_eq!(
        field(&delivery, "time_entries", &filters, "rate_in_cents").await,
        [22_000, 16_500, 22_000]
    );
    let statuses = field(&delivery, "timesheet_submissions", &filter, "status").await;
    assert_eq!(statuses, ["approved", "approved"]);

    let expense = |name: &str| Expenditure {
        person: mail(name),
        date: day("2026-10-06"),
        category: "Travel".to_owned(),
        amount_in_cents: 18_000,
        notes: "train to Munich".to_owned(),
    };
    let spent = delivery
        .spend(&project, &[expense("priya.nair"), expense("tom.becker")])
        .await
        .unwrap();
    let approved = [("workspace_id", project.as_str()), ("approved", "true")];
    assert_eq!(delivery.list("expenses", &approved).await.unwrap().len(), 2);

    delivery.complete(&project, "Blueprint accepted").await.unwrap();
    let milestones = [("workspace_id", project.as_str()), ("story_type", "milestone")];
    assert_eq!(
        field(&delivery, "stories", &milestones, "state").await,
        ["completed"]
    );

    let taken = delivery
        .withdraw_approval("time_entries", &entries[..1], "wrong task")
        .await
        .unwrap();
    assert_eq!(taken.len(), 1);
    // Both of Priya's days were on that timesheet.
    let approvals = field(&delivery, "time_entries", &filters, "approved").await;
    assert_eq!(approvals, [false, true, false]);
    delivery
        .withdraw_approval("expenses", &spent[1..], "no receipt")
        .await
        .unwrap();
    assert_eq!(delivery.list("expenses", &approved).await.unwrap().len(), 1);
    twins.stop().await;
}
