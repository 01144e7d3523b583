//! PSA, journal and ERP are compared: what somebody changes behind our back is found, each as one exception with its cause;
//! once all is mended there is a certificate, whose hashes anybody can recompute from the vendors' own data.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, Utc};
use reqwest::Method;
use rust_decimal::{Decimal, dec};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use vendor_twins::firm::Hours;

use crate::books;
use crate::world::{Project, World, number, small_deal, text};

const CONTROL: &str = "control-process-api";
const JAMES: &str = "james.whitfield@northwind-advisory.example";

#[actix_web::test]
async fn what_was_changed_behind_our_back_is_found_once_and_the_mended_period_is_certified() {
    let world = World::start().await;
    let deal = small_deal("Brandt Logistik GmbH", "Depot study");
    let won = world.firm.sales.win(&deal).await.unwrap();
    let project = world.project_of(&won.opportunity_id).await;
    let today = Utc::now().date_naive();
    post_a_day(&world, &project, today).await;
    the_feed_is_quiet(&world).await;
    let stray = sabotage(&world, &project).await;

    let first = compare(&world, &project, today).await;
    assert_eq!(first["state"], "differs", "{first}");
    let expected = [
        ("changed_in_erp", dec!(20)),
        ("changed_in_psa", dec!(110)),
        ("deleted_in_erp", dec!(220)),
        ("posted_by_other", dec!(440)),
    ];
    let found = on_the_desk(&world).await;
    let told: Vec<(&str, Decimal)> = found
        .iter()
        .map(|e| {
            (
                e["cause"]["code"].as_str().unwrap(),
                number(&e["money_at_risk"]["amount"]),
            )
        })
        .collect();
    assert_eq!(told, expected, "{found:#?}");
    for exception in &found {
        assert_eq!(exception["owner_role"], "project_accountant", "{exception}");
        assert_eq!(exception["legal_entity"], "de", "{exception}");
    }
    let (status, none) = certificate(&world, &first).await;
    assert_eq!(
        (status, none["code"].as_str()),
        (404, Some("not_found")),
        "{none}"
    );
    let differences = differences(&world, &first).await;
    let changed = differences
        .iter()
        .find(|d| d["cause"] == "changed_in_psa")
        .unwrap();
    assert_eq!(
        (
            &changed["psa"]["minutes"],
            &changed["journal"]["minutes"],
            &changed["erp"]["minutes"]
        ),
        (&json!(90), &json!(60), &json!(60)),
        "each side is shown: {changed}"
    );

    // The same differences, found again, are the same exceptions.
    let again = compare(&world, &project, today).await;
    assert_eq!(again["differences_open"], 4, "{again}");
    let ids = |all: &[Value]| all.iter().map(|e| text(&e["id"])).collect::<BTreeSet<_>>();
    assert_eq!(ids(&on_the_desk(&world).await), ids(&found));

    stray.mend(&world).await;
    for exception in &found {
        world.resolve(exception, &json!({"action": "retry"})).await;
    }
    let certified = certified_after(&world, "resolved", &BTreeSet::new()).await;
    assert!(on_the_desk(&world).await.is_empty());
    let (status, issued) = certificate(&world, &certified).await;
    assert_eq!(status, 200, "{issued}");
    check_certificate(&world, &project, &certified, &issued).await;

    // What a person accepts with a reason stands in the next certificate.
    let foreign = enter_by_hand(&world, &project, "a favour", "2:00").await;
    compare(&world, &project, today).await;
    let found = on_the_desk(&world).await;
    assert_eq!(found.len(), 1, "{found:#?}");
    let refused = json!({"action": "answer", "answer": {"note": "x"}});
    let path = format!("/v1/exceptions/{}/resolution", text(&found[0]["id"]));
    let (status, told) = world
        .try_call(Method::POST, CONTROL, &path, "exceptions:resolve", Some(&refused))
        .await;
    assert_eq!(
        (status, told["code"].as_str()),
        (422, Some("resolution_not_offered")),
        "{told}"
    );
    let reason = json!({"action": "skip", "reason": "agreed with the client by telephone"});
    world.resolve(&found[0], &reason).await;
    let before = BTreeSet::from([text(&certified["id"])]);
    let accepted = certified_after(&world, "resolved", &before).await;
    let (_, issued) = certificate(&world, &accepted).await;
    let listed = &issued["certificate"]["accepted"];
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed[0]["erp"]["record"], format!("erp/main/{foreign}"));
    assert_eq!(listed[0]["reason"], reason["reason"]);
    pages_show_it(&world, &accepted, &issued).await;
    world.stop().await;
}

/// Six hours of one day, approved in the PSA and posted.
async fn post_a_day(world: &World, project: &Project, today: NaiveDate) {
    let hour = |n: i64| Hours {
        person: JAMES.to_owned(),
        task: Some("Strategy".to_owned()),
        role: "Senior Consultant".to_owned(),
        date: today,
        minutes: 60,
        rate_in_cents: Some(22_000),
        notes: format!("hour {n}"),
    };
    let hours: Vec<Hours> = (1..=6).map(hour).collect();
    world
        .firm
        .delivery
        .work(&project.workspace_id, &hours)
        .await
        .unwrap();
    world
        .until("six posted lines", async || {
            let path = "/v1/posting-lines?state=posted&limit=100";
            let page = world
                .call(
                    Method::GET,
                    "time-to-invoice-process-api",
                    path,
                    "postings:read",
                    None,
                )
                .await;
            (page["items"].as_array().unwrap().len() == 6).then_some(())
        })
        .await;
}

/// Waits until the PSA's feed does not tell of the entries any more: young changes come again for some seconds, and would
/// tell what is changed next.
async fn the_feed_is_quiet(world: &World) {
    let (mut cursor, mut quiet) = (String::new(), 0);
    let end = tokio::time::Instant::now() + std::time::Duration::from_secs(90);
    while quiet < 10 {
        assert!(tokio::time::Instant::now() < end, "the feed does not end");
        let path = format!("/v1/connections/main/time-entries/changes?limit=1000{cursor}");
        let page = world
            .call(Method::GET, "psa-system-api", &path, "records:read", None)
            .await;
        let none = page["items"].as_array().unwrap().is_empty();
        quiet = if none { quiet + 1 } else { 0 };
        cursor = format!("&cursor={}", text(&page["next_cursor"]));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

/// Rows of the time on a project in the ERP, by their note.
async fn posted(world: &World, project: &Project) -> BTreeMap<String, Value> {
    let suiteql = format!(
        "SELECT id, externalid, TO_CHAR(trandate, 'YYYY-MM-DD') AS day, hours, rate, memo FROM timebill \
         WHERE customer = {}",
        project.job_id
    );
    let rows = world.rows(&suiteql).await;
    rows.into_iter().map(|row| (text(&row["memo"]), row)).collect()
}

/// What was done where nobody tells us.
struct Stray {
    /// The deleted entry as it was, and its external id.
    deleted: (Value, String),
    changed_in_psa: String,
    foreign: String,
    other_rate: String,
}

async fn sabotage(world: &World, project: &Project) -> Stray {
    let rows = posted(world, project).await;
    let id = |note: &str| text(&rows[note]["id"]);
    let payer = &world.firm.payer;
    let record = world.erp(&format!("timeBill/{}", id("hour 1"))).await;
    let key = text(&rows["hour 1"]["externalid"]);
    payer
        .by_hand("DELETE", &format!("timeBill/{}", id("hour 1")), None)
        .await
        .unwrap();
    let entries = world
        .firm
        .delivery
        .list("time_entries", &[("workspace_id", &project.workspace_id)])
        .await
        .unwrap();
    let entry = entries.iter().find(|e| e["notes"] == "hour 2").unwrap();
    let changed_in_psa = text(&entry["id"]);
    repair(world, &changed_in_psa, 90).await;
    let foreign = enter_by_hand(world, project, "our own hours", "2:00").await;
    let other_rate = id("hour 3");
    let body = json!({"rate": 200, "overrideRate": true});
    payer
        .by_hand("PATCH", &format!("timeBill/{other_rate}"), Some(&body))
        .await
        .unwrap();
    Stray {
        deleted: (record, key),
        changed_in_psa,
        foreign,
        other_rate,
    }
}

impl Stray {
    async fn mend(&self, world: &World) {
        let payer = &world.firm.payer;
        let (record, key) = &self.deleted;
        let mut body = json!({"overrideRate": true});
        for field in ["tranDate", "hours", "isBillable", "rate", "memo"] {
            body[field] = record[field].clone();
        }
        for field in ["employee", "customer", "caseTaskEvent", "item", "approvalStatus"] {
            body[field] = json!({"id": record[field]["id"]});
        }
        payer
            .by_hand("PUT", &format!("timeBill/eid:{key}"), Some(&body))
            .await
            .unwrap();
        repair(world, &self.changed_in_psa, 60).await;
        payer
            .by_hand("DELETE", &format!("timeBill/{}", self.foreign), None)
            .await
            .unwrap();
        let body = json!({"rate": 220, "overrideRate": true});
        payer
            .by_hand("PATCH", &format!("timeBill/{}", self.other_rate), Some(&body))
            .await
            .unwrap();
    }
}

/// The vendor's support changes an entry in its database: no stamp moves, no event is made.
async fn repair(world: &World, entry: &str, minutes: i64) {
    let url = format!("{}/_twin/repairs", world.set_up.url("kantata"));
    let body = json!({"table": "time_entries", "id": entry, "fields": {"time_in_minutes": minutes}});
    let answer = testkit::http().put(url).json(&body).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 204);
}

/// Somebody enters time in the ERP, like an hour that is there already. Gives its id.
async fn enter_by_hand(world: &World, project: &Project, memo: &str, hours: &str) -> String {
    let rows = posted(world, project).await;
    let model = world
        .erp(&format!("timeBill/{}", text(&rows["hour 4"]["id"])))
        .await;
    let mut body = json!({"hours": hours, "isBillable": true, "rate": 220, "overrideRate": true, "memo": memo,
        "tranDate": model["tranDate"]});
    for field in ["employee", "customer", "caseTaskEvent", "item", "approvalStatus"] {
        body[field] = json!({"id": model[field]["id"]});
    }
    world
        .firm
        .payer
        .by_hand("POST", "timeBill", Some(&body))
        .await
        .unwrap()
}

/// Asks for a comparison of the project's day, and waits for its end.
async fn compare(world: &World, project: &Project, day: NaiveDate) -> Value {
    let asked = json!({"from": day, "to": day, "project_code": project.code});
    let queued = world
        .call(
            Method::POST,
            CONTROL,
            "/v1/reconciliations",
            "reconciliations:run",
            Some(&asked),
        )
        .await;
    let path = format!("/v1/reconciliations/{}", text(&queued["id"]));
    world
        .until("the end of a reconciliation", async || {
            let one = world
                .call(Method::GET, CONTROL, &path, "reconciliations:read", None)
                .await;
            let ended = !one["ended_at"].is_null();
            ended.then_some(one)
        })
        .await
}

/// Waits for a certified comparison that was begun by this, beside those that are known.
async fn certified_after(world: &World, trigger: &str, known: &BTreeSet<String>) -> Value {
    let path = "/v1/reconciliations?state=certified";
    world
        .until("a certified reconciliation", async || {
            let page = world
                .call(Method::GET, CONTROL, path, "reconciliations:read", None)
                .await;
            let mut all = page["items"].as_array().unwrap().iter();
            all.find(|one| one["trigger"] == trigger && !known.contains(&text(&one["id"])))
                .cloned()
        })
        .await
}

/// What reconciliation has put on the desk and nobody has closed, by cause.
async fn on_the_desk(world: &World) -> Vec<Value> {
    let mut all = world.exceptions().await;
    all.retain(|e| e["process"] == "reconciliation" && e["closed_at"].is_null());
    all.sort_by_key(|e| text(&e["cause"]["code"]));
    all
}

async fn differences(world: &World, run: &Value) -> Vec<Value> {
    let path = format!("/v1/reconciliations/{}/differences", text(&run["id"]));
    let page = world
        .call(Method::GET, CONTROL, &path, "reconciliations:read", None)
        .await;
    page["items"].as_array().unwrap().clone()
}

async fn certificate(world: &World, run: &Value) -> (u16, Value) {
    let path = format!("/v1/reconciliations/{}/certificate", text(&run["id"]));
    world
        .try_call(Method::GET, CONTROL, &path, "reconciliations:read", None)
        .await
}

/// The hash of a set, as docs/reconciliation.md tells outsiders to compute it.
fn set_hash(lines: impl IntoIterator<Item = String>) -> String {
    let mut digests: Vec<String> = lines
        .into_iter()
        .map(|line| hex::encode(Sha256::digest(line)))
        .collect();
    digests.sort();
    let text: String = digests.iter().map(|digest| format!("{digest}\n")).collect();
    hex::encode(Sha256::digest(text))
}

/// Figures, counts and hashes of the certificate against the vendors' own data, and its hash against the audit log.
async fn check_certificate(world: &World, project: &Project, run: &Value, issued: &Value) {
    let entries = world
        .firm
        .delivery
        .list(
            "time_entries",
            &[("workspace_id", &project.workspace_id), ("approved", "true")],
        )
        .await
        .unwrap();
    let psa = entries.iter().map(|e| {
        let (minutes, cents) = (number(&e["time_in_minutes"]), number(&e["rate_in_cents"]));
        let value = minutes * cents / dec!(6000);
        let (id, day) = (text(&e["id"]), text(&e["date_performed"]));
        format!("time_entry\tpsa/main/{id}\t{day}\t{minutes}\t{value:.2} EUR")
    });
    let rows = posted(world, project).await;
    let erp = rows.values().map(|row| {
        let minutes = books::minutes(&row["hours"]);
        let value = Decimal::from(minutes) * number(&row["rate"]) / dec!(60);
        let (id, day) = (text(&row["id"]), text(&row["day"]));
        format!("time_entry\terp/main/{id}\t{day}\t{minutes}\t{value:.2} EUR")
    });
    let stated = &issued["certificate"];
    assert_eq!(stated["psa"], json!({"records": 6, "sha256": set_hash(psa)}));
    assert_eq!(stated["erp"], json!({"records": 6, "sha256": set_hash(erp)}));
    assert_eq!(stated["journal"]["records"], 6);
    let figures = stated["figures"].as_array().unwrap();
    assert_eq!(figures.len(), 1, "{figures:#?}");
    let sum = json!({"records": 6, "minutes": 360, "value": {"amount": "1320.00", "currency": "EUR"}});
    for side in ["approved", "journal", "posted"] {
        assert_eq!(figures[0][side], sum, "{side}");
    }
    assert_eq!(
        (
            figures[0]["legal_entity"].as_str(),
            figures[0]["project_code"].as_str()
        ),
        (Some("de"), Some(project.code.as_str()))
    );
    let hash = hex::encode(Sha256::digest(issued["text"].as_str().unwrap()));
    assert_eq!(issued["sha256"], hash, "the hash is that of the text");
    let told: Value = serde_json::from_str(issued["text"].as_str().unwrap()).unwrap();
    assert_eq!(told, *stated, "the text says what is stated");
    let path = format!("/v1/audit-entries?subject=reconciliation%20{}", text(&run["id"]));
    let log = world.call(Method::GET, CONTROL, &path, "audit:read", None).await;
    let entries = log["items"].as_array().unwrap();
    let certified = entries.iter().find(|e| e["action"] == "reconciliation.certified");
    assert_eq!(certified.unwrap()["detail"]["sha256"], hash, "{log}");
}

/// The desk shows list, figures, differences and certificate without script.
async fn pages_show_it(world: &World, run: &Value, issued: &Value) {
    let desk = "operations-desk-experience-api";
    let id = text(&run["id"]);
    let show = async |path: String| {
        let page = world
            .call(Method::GET, desk, &path, "reconciliations:read", None)
            .await;
        text(&page)
    };
    let list = show("/reconciliations".to_owned()).await;
    assert!(
        list.contains(&format!("/reconciliations/{id}/certificate")),
        "{list}"
    );
    let one = show(format!("/reconciliations/{id}")).await;
    for part in [
        "1,320.00 EUR",
        "posted by somebody else",
        "agreed with the client by telephone",
    ] {
        assert!(one.contains(part), "{part} is not on the page: {one}");
    }
    let certificate = show(format!("/reconciliations/{id}/certificate")).await;
    for part in [&issued["sha256"], &issued["certificate"]["erp"]["sha256"]] {
        assert!(
            certificate.contains(part.as_str().unwrap()),
            "{part}: {certificate}"
        );
    }
}
