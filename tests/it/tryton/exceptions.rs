//! Lines that a real ERP cannot take: each is one exception, its siblings are posted, and what mends the cause lets the rest
//! go through once. The period is opened by finance in Tryton itself.

use std::collections::BTreeMap;

use chrono::{Datelike, Months, NaiveDate, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use vendor_twins::firm::Hours;

use super::ledger;
use super::{Firm, installed};
use crate::world::{Project, World, small_deal, text};

const JAMES: &str = "james.whitfield@northwind-advisory.example";
const ROLE: &str = "Senior Consultant";

#[actix_web::test]
async fn what_tryton_cannot_take_waits_and_is_posted_once_when_it_is_mended() {
    let Some(installation) = installed() else { return };
    let firm = Firm::start(installation).await;
    let world = &firm.world;
    let deal = small_deal("Aurelia Chemie GmbH", "Plant review");
    let won = world.firm.sales.win(&deal).await.unwrap();
    let project = project_in_psa(world, &won.opportunity_id).await;
    let account = world.firm.sales.read("Account", &won.account_id).await.unwrap();
    let customer = text(&account["ERP_Id__c"]);

    // The month before the last one that is open, which is closed.
    let today = Utc::now().date_naive();
    let closed = today
        .with_day(4)
        .unwrap()
        .checked_sub_months(Months::new(5))
        .unwrap();
    let new_role = json!({"role": {"name": "Data Scientist"}});
    let new_role = world.in_kantata(Method::POST, "roles", &new_role).await;
    let new_task =
        json!({"story": {"workspace_id": project.workspace_id, "title": "Extra", "story_type": "task"}});
    let new_task = world.in_kantata(Method::POST, "stories", &new_task).await;
    book(world, &project, deal.start, closed).await;

    let posted = async |wanted: usize| {
        world
            .until(&format!("{wanted} entries in Tryton"), async || {
                let lines = firm.tryton.time_of(&customer).await.unwrap();
                (lines.len() >= wanted).then_some(lines.len())
            })
            .await
    };
    assert_eq!(posted(3).await, 3);
    for (code, count) in [
        ("period_closed", 1),
        ("role_not_mapped", 2),
        ("task_not_mapped", 1),
        ("missing_rate", 1),
    ] {
        let found = world.open_exceptions(code, count).await;
        assert_eq!(found.len(), count, "{code}: {found:?}");
    }
    assert_eq!(world.exceptions().await.len(), 5, "nothing else stopped");
    assert_eq!(posted(3).await, 3, "nothing but the sound ones is there");

    // One mapping posts both lines of the new role.
    world
        .map("role", "psa/main", &new_role, "senior-consultant")
        .await;
    assert_eq!(posted(5).await, 5);
    let rate = &world.open_exceptions("missing_rate", 1).await[0];
    let money = json!({"amount": "220.00", "currency": "EUR"});
    let answer = json!({"action": "answer", "answer": {"rate": {"money": money, "per": "hour"}}});
    world.resolve(rate, &answer).await;
    assert_eq!(posted(6).await, 6);
    give_task(world, &customer, &new_task).await;
    try_again(world, "task_not_mapped", async || {
        posted_by_now(&firm, &customer).await >= 7
    })
    .await;
    reopen(&firm, closed).await;
    try_again(world, "period_closed", async || {
        posted_by_now(&firm, &customer).await >= 8
    })
    .await;

    let states = world
        .until("every exception closed", async || {
            let all = world.exceptions().await;
            let mut states: BTreeMap<String, usize> = BTreeMap::new();
            for exception in &all {
                *states.entry(text(&exception["state"])).or_default() += 1;
            }
            all.iter().all(|e| !e["closed_at"].is_null()).then_some(states)
        })
        .await;
    assert_eq!(states.keys().collect::<Vec<_>>(), ["resolved"]);
    let minutes = ledger::hours_agree(&firm, &project.workspace_id, &customer).await;
    assert_eq!(minutes, 8 * 450);
    firm.stop().await;
}

/// Three sound entries, and five that are not, approved together.
async fn book(world: &World, project: &Project, start: NaiveDate, closed: NaiveDate) {
    let day = |n: u64| start.checked_add_days(chrono::Days::new(n)).unwrap();
    let hours = |date: NaiveDate, role: &str, task: &str, notes: &str| Hours {
        person: JAMES.to_owned(),
        task: Some(task.to_owned()),
        role: role.to_owned(),
        date,
        minutes: 450,
        rate_in_cents: Some(22_000),
        notes: notes.to_owned(),
    };
    let week = [
        hours(day(0), ROLE, "Strategy", "first day"),
        hours(day(1), ROLE, "Strategy", "second day"),
        hours(day(2), ROLE, "Strategy", "third day"),
        hours(closed, ROLE, "Strategy", "long ago"),
        hours(day(7), "Data Scientist", "Strategy", "a model"),
        hours(day(8), "Data Scientist", "Strategy", "another model"),
        hours(day(9), ROLE, "Extra", "on a task that finance does not have"),
        Hours {
            rate_in_cents: None,
            ..hours(day(10), ROLE, "Strategy", "for how much?")
        },
    ];
    world
        .firm
        .delivery
        .work(&project.workspace_id, &week)
        .await
        .unwrap();
}

async fn project_in_psa(world: &World, opportunity: &str) -> Project {
    let found = world
        .until("the opportunity's project", async || {
            let found = world.firm.sales.read("Opportunity", opportunity).await.unwrap();
            (found["Project_Status__c"] == "active").then_some(found)
        })
        .await;
    let code = text(&found["Project_Code__c"]);
    let workspace = world.firm.delivery.find_project(&code).await.unwrap().unwrap();
    Project {
        code,
        workspace_id: text(&workspace["id"]),
        workspace,
        job_id: String::new(),
    }
}

async fn posted_by_now(firm: &Firm, customer: &str) -> usize {
    firm.tryton.time_of(customer).await.unwrap().len()
}

/// What the ERP believes of periods and tasks may be some seconds old: a person tries until it goes through.
async fn try_again(world: &World, code: &str, done: impl AsyncFn() -> bool) {
    world
        .until(&format!("{code} to be mended"), async || {
            if done().await {
                return Some(());
            }
            let all = world.exceptions().await;
            let open = all
                .iter()
                .find(|e| e["cause"]["code"] == code && e["closed_at"].is_null());
            if let Some(exception) = open {
                let path = format!("/v1/exceptions/{}/resolution", text(&exception["id"]));
                let body = json!({"action": "retry"});
                // Somebody else, or the exception's own end, may be quicker.
                world
                    .try_call(
                        Method::POST,
                        "control-process-api",
                        &path,
                        "exceptions:resolve",
                        Some(&body),
                    )
                    .await;
            }
            None
        })
        .await;
}

/// The task in Tryton too, and both known as one.
async fn give_task(world: &World, customer: &str, psa_id: &str) {
    let erp = "erp-system-api";
    let path = format!("/v1/connections/main/projects?account={customer}&limit=10");
    let projects = world.call(Method::GET, erp, &path, "records:read", None).await;
    let project = text(&projects["items"][0]["id"]);
    let record = json!({"name": "Extra", "project": {"id": project}, "billable": true, "completed": false});
    let body = json!({"writes": [{"key": "test-extra", "record": record}]});
    let path = "/v1/connections/main/tasks/writes";
    let written = world
        .call(Method::POST, erp, path, "records:write", Some(&body))
        .await;
    let erp_id = text(&written["results"][0]["written"]["id"]);
    assert!(!erp_id.is_empty(), "{written}");
    let thing = canonical_model::CanonicalId::generate();
    for (connection, id) in [("psa/main", psa_id), ("erp/main", erp_id.as_str())] {
        let reference: Value =
            json!({"canonical_id": thing, "resource": "task", "connection": connection, "id": id});
        let path = "/v1/cross-references";
        world
            .call(
                Method::PUT,
                "control-process-api",
                path,
                "references:write",
                Some(&reference),
            )
            .await;
    }
}

/// Finance opens the period of a day in Tryton.
async fn reopen(firm: &Firm, day: NaiveDate) {
    let day = vendor_twins::firm::day(day);
    let domain = json!([["start_date", "<=", day], ["end_date", ">=", day]]);
    let periods = firm
        .tryton
        .search_read("account.period", &domain, &["state"])
        .await
        .unwrap();
    assert_eq!(
        (periods.len(), &periods[0]["state"]),
        (1, &json!("closed")),
        "{periods:?}"
    );
    let params = vec![json!([periods[0]["id"]])];
    firm.tryton
        .model("account.period", "reopen", params)
        .await
        .unwrap();
}
