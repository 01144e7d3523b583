//! Lines that cannot be posted: each stops alone with a clear cause, an owner, the money that waits and a due time; its
//! siblings are posted; mending the cause lets the whole group go through, once.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use reqwest::Method;
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};
use vendor_twins::firm::Hours;

use crate::books;
use crate::world::{Project, World, number, small_deal, text};

const JAMES: &str = "james.whitfield@northwind-advisory.example";
const T2I: &str = "time-to-invoice-process-api";

#[actix_web::test]
async fn one_bad_line_stops_alone_and_mending_its_cause_posts_the_group_once() {
    let world = World::start().await;
    let deal = small_deal("Aurelia Chemie GmbH", "Plant review");
    let won = world.firm.sales.win(&deal).await.unwrap();
    let project = world.project_of(&won.opportunity_id).await;
    let bad = Bad::book(&world, &project, deal.start).await;
    bad.siblings_are_posted_and_the_rest_waits(&world, &project).await;
    bad.each_waits_with_owner_money_and_time(&world).await;
    bad.mend(&world, &project).await;
    books::balance(&world).await;
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}

/// What was booked, and where.
struct Bad {
    start: NaiveDate,
    new_role: String,
    foreign: String,
}

/// Seven and a half hours unless a test says otherwise.
fn hours(date: NaiveDate, role: &str, notes: &str) -> Hours {
    Hours {
        person: JAMES.to_owned(),
        task: Some("Strategy".to_owned()),
        role: role.to_owned(),
        date,
        minutes: 450,
        rate_in_cents: Some(22_000),
        notes: notes.to_owned(),
    }
}

impl Bad {
    /// Three good entries and one of each kind of bad ones, approved together; and work on a project that nobody sold.
    async fn book(world: &World, project: &Project, start: NaiveDate) -> Self {
        let kantata = &world.firm.delivery;
        let new_role = json!({"role": {"name": "Data Scientist"}});
        let new_role = world.in_kantata(Method::POST, "roles", &new_role).await;
        let foreign = json!({"workspace": {"title": "Old habits", "currency": "EUR",
            "custom_fields": [{"custom_field_id": 302, "value": "OLD-0001"}]}});
        let foreign = world.in_kantata(Method::POST, "workspaces", &foreign).await;
        let swiss = json!({"workspace": {"title": "Zurich office", "currency": "CHF",
            "custom_fields": [{"custom_field_id": 302, "value": "CHF-0001"}]}});
        let swiss = world.in_kantata(Method::POST, "workspaces", &swiss).await;
        job(world, project, "CHF-0001").await;
        let day = |n: u64| start.checked_add_days(chrono::Days::new(n)).unwrap();
        let (role, closed) = ("Senior Consultant", NaiveDate::from_ymd_opt(2026, 5, 4).unwrap());
        let week = [
            hours(day(0), role, "first day"),
            hours(day(1), role, "second day"),
            hours(day(2), role, "third day"),
            hours(closed, role, "long ago"),
            hours(day(3), role, &"word ".repeat(300)),
            Hours {
                minutes: 25 * 60,
                ..hours(day(4), role, "a long day")
            },
            hours(day(7), "Data Scientist", "a model"),
            hours(day(8), "Data Scientist", "another model"),
            Hours {
                rate_in_cents: None,
                ..hours(day(9), role, "for how much?")
            },
        ];
        let entries = kantata.log_time(&project.workspace_id, &week).await.unwrap();
        let unrated = kantata
            .list("time_entries", &[("workspace_id", &project.workspace_id)])
            .await
            .unwrap();
        let unrated = unrated.iter().find(|e| e["notes"] == "for how much?").unwrap();
        assert_eq!(
            unrated["rate_in_cents"],
            Value::Null,
            "the project has no rate card: {unrated}"
        );
        let kind = "timesheet_submission";
        kantata
            .submit_and_approve(kind, "line_item_ids", &project.workspace_id, &entries)
            .await
            .unwrap();
        let elsewhere = Hours {
            task: None,
            ..hours(day(1), role, "as ever")
        };
        kantata.work(&foreign, &[elsewhere]).await.unwrap();
        let in_francs = Hours {
            task: None,
            rate_in_cents: Some(25_000),
            ..hours(day(1), role, "in francs")
        };
        kantata.work(&swiss, &[in_francs]).await.unwrap();
        Self {
            start,
            new_role,
            foreign,
        }
    }

    async fn siblings_are_posted_and_the_rest_waits(&self, world: &World, project: &Project) {
        let suiteql = format!("SELECT memo FROM timebill WHERE customer = {}", project.job_id);
        let posted = world
            .until("the good entries in the books", async || {
                let rows = world.rows(&suiteql).await;
                (rows.len() >= 3).then_some(rows)
            })
            .await;
        let mut notes: Vec<String> = posted.iter().map(|r| text(&r["memo"])).collect();
        notes.sort();
        assert_eq!(notes, ["first day", "second day", "third day"]);
    }

    /// Code, how many, owner, hours until due, money of one.
    async fn each_waits_with_owner_money_and_time(&self, world: &World) {
        let day = dec!(7.5) * dec!(220);
        let expected = [
            ("period_closed", 1, "project_accountant", 24, Some(day)),
            ("note_too_long", 1, "project_accountant", 24, Some(day)),
            (
                "hours_out_of_range",
                1,
                "project_accountant",
                24,
                Some(dec!(25) * dec!(220)),
            ),
            ("role_not_mapped", 2, "data_steward", 8, Some(day)),
            ("missing_rate", 1, "project_accountant", 24, None),
            ("project_not_mapped", 1, "data_steward", 8, Some(day)),
            ("missing_exchange_rate", 1, "project_accountant", 24, None),
        ];
        for (code, count, owner, due, money) in expected {
            let found = world.open_exceptions(code, count).await;
            assert_eq!(found.len(), count, "{code}: {found:?}");
            for exception in &found {
                assert_eq!(exception["owner_role"], owner, "{exception}");
                let at =
                    |f: &str| chrono::DateTime::parse_from_rfc3339(exception[f].as_str().unwrap()).unwrap();
                assert_eq!((at("due_at") - at("opened_at")).num_hours(), due, "{exception}");
                let waits = &exception["money_at_risk"];
                if let Some(money) = money {
                    assert_eq!(
                        (number(&waits["amount"]), &waits["currency"]),
                        (money, &json!("EUR")),
                        "{exception}"
                    );
                }
                assert!(text(&exception["failure"]["message"]).len() > 20, "{exception}");
            }
        }
        let all = world.exceptions().await;
        assert_eq!(all.len(), 8, "nothing else stopped: {all:#?}");
        let path = "/v1/exception-groups";
        let groups = world
            .call(Method::GET, "control-process-api", path, "exceptions:read", None)
            .await;
        let roles = groups
            .as_array()
            .unwrap()
            .iter()
            .find(|g| g["cause"]["code"] == "role_not_mapped")
            .unwrap();
        assert_eq!(roles["open"], 2);
        assert_eq!(
            roles["cause"]["subject"],
            format!("role:psa/main:{}", self.new_role)
        );
        assert_eq!(
            number(&roles["money_at_risk"][0]["amount"]),
            dec!(15) * dec!(220),
            "{roles}"
        );
    }

    /// One mapping posts both lines of the new role; the others are answered, mapped or given up with a reason.
    async fn mend(&self, world: &World, project: &Project) {
        world
            .map("role", "psa/main", &self.new_role, "senior-consultant")
            .await;
        let count = |customer: &str| format!("SELECT id FROM timebill WHERE customer = {customer}");
        let posted = async |customer: String, wanted: usize| {
            world
                .until(&format!("{wanted} entries of {customer}"), async || {
                    let rows = world.rows(&count(&customer)).await;
                    (rows.len() >= wanted).then_some(rows.len())
                })
                .await
        };
        assert_eq!(posted(project.job_id.clone(), 5).await, 5);
        let note = &world.open_exceptions("note_too_long", 1).await[0];
        let answer = json!({"action": "answer", "answer": {"note": "what was done, in short"}});
        world.resolve(note, &answer).await;
        let rate = &world.open_exceptions("missing_rate", 1).await[0];
        let money = json!({"amount": "220.00", "currency": "EUR"});
        let answer = json!({"action": "answer", "answer": {"rate": {"money": money, "per": "hour"}}});
        world.resolve(rate, &answer).await;
        assert_eq!(posted(project.job_id.clone(), 7).await, 7);
        for code in ["period_closed", "hours_out_of_range", "missing_exchange_rate"] {
            let exception = &world.open_exceptions(code, 1).await[0];
            world
                .resolve(
                    exception,
                    &json!({"action": "skip", "reason": "mended in the PSA with the next timesheet"}),
                )
                .await;
        }
        let job = job(world, project, "OLD-ERP").await;
        world
            .map("project_code", "psa/main", &self.foreign, "OLD-ERP")
            .await;
        assert_eq!(posted(job, 1).await, 1);
        let closed = world
            .until("every exception closed", async || {
                let all = world.exceptions().await;
                all.iter().all(|e| !e["closed_at"].is_null()).then_some(all)
            })
            .await;
        let mut states: BTreeMap<String, usize> = BTreeMap::new();
        for exception in &closed {
            *states.entry(text(&exception["state"])).or_default() += 1;
        }
        assert_eq!(
            states,
            BTreeMap::from([("resolved".to_owned(), 5), ("skipped".to_owned(), 3)]),
            "{closed:#?}"
        );
        assert_eq!(
            posted(project.job_id.clone(), 7).await,
            7,
            "what was skipped stays out"
        );
        self.minutes_add_up(world).await;
    }

    /// Every approved minute is somewhere: posted or given up.
    async fn minutes_add_up(&self, world: &World) {
        let path = "/v1/posting-lines?limit=500";
        let page = world.call(Method::GET, T2I, path, "postings:read", None).await;
        let mut minutes: BTreeMap<String, Decimal> = BTreeMap::new();
        for line in page["items"].as_array().unwrap() {
            *minutes.entry(text(&line["state"])).or_default() += number(&line["minutes"]);
        }
        let posted = Decimal::from(450 * 8);
        let skipped = Decimal::from(450 + 25 * 60 + 450);
        let expected = BTreeMap::from([("posted".to_owned(), posted), ("skipped".to_owned(), skipped)]);
        assert_eq!(minutes, expected, "{page}");
        assert!(self.start <= chrono::Utc::now().date_naive());
    }
}

/// A project that finance has under a code, which Fairlead did not make; gives its id.
pub(crate) async fn job(world: &World, like: &Project, code: &str) -> String {
    let like = world.erp(&format!("job/{}", like.job_id)).await;
    let record = json!({"code": code, "name": code, "account": {"id": like["parent"]["id"]}, "legal_entity": {"id": "3"},
        "billing_method": "time_and_materials", "currency": "EUR", "status": "active"});
    let body = json!({"writes": [{"key": format!("test-{code}"), "record": record}]});
    let path = "/v1/connections/main/projects/writes";
    let written = world
        .call(Method::POST, "erp-system-api", path, "records:write", Some(&body))
        .await;
    let id = text(&written["results"][0]["written"]["id"]);
    assert!(!id.is_empty(), "{written}");
    id
}
