//! Many entries wait for one cause: one group on the desk, one fix, each posted once.
//! `make prove-group ENTRIES=50000` plays it at length.

use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use reqwest::Method;
use serde_json::{Value, json};
use vendor_twins::firm::Hours;

use crate::books;
use crate::world::{World, number, small_deal, text};

const JAMES: &str = "james.whitfield@northwind-advisory.example";
/// Entries, unless the environment says otherwise.
const FEW: u64 = 600;

#[expect(clippy::disallowed_methods, reason = "the tests' own switch")]
fn how_many() -> u64 {
    std::env::var("GROUP_ENTRIES").map_or(FEW, |text| text.parse().unwrap())
}

fn entries(count: u64, start: NaiveDate) -> Vec<Hours> {
    let entry = |n: u64| Hours {
        person: JAMES.to_owned(),
        task: None,
        role: "Senior Consultant".to_owned(),
        date: start.checked_add_days(Days::new(n % 10)).unwrap(),
        minutes: 6,
        rate_in_cents: Some(22_000),
        notes: format!("piece {n}"),
    };
    (0..count).map(entry).collect()
}

/// The one group of what waits for a project code, as control shows it.
async fn group(world: &World) -> Option<Value> {
    let path = "/v1/exception-groups";
    let groups = world
        .call(Method::GET, "control-process-api", path, "exceptions:read", None)
        .await;
    let mut groups = groups.as_array().unwrap().clone();
    assert!(groups.len() <= 1, "{groups:#?}");
    groups.pop()
}

async fn posted(world: &World) -> u64 {
    let counts = world.rows("SELECT COUNT(*) AS n FROM timebill").await;
    text(&counts[0]["n"]).parse().unwrap()
}

/// Waits until a count is reached; it may take long as long as it grows.
async fn grown(world: &World, what: &str, wanted: u64, count: impl AsyncFn() -> u64) -> Duration {
    let began = Instant::now();
    let (mut most, mut last_more) = (0, began);
    while most < wanted {
        let now = count().await;
        if now > most {
            (most, last_more) = (now, Instant::now());
        }
        if last_more.elapsed() > Duration::from_secs(90) {
            panic!("{most} of {wanted} {what}\n{}", world.open_matters().await);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(most, wanted, "{what}");
    began.elapsed()
}

#[actix_web::test]
async fn many_entries_of_an_unmapped_project_are_one_group_and_one_fix_posts_each_once() {
    let count = how_many();
    let world = World::start().await;
    let deal = small_deal("Aurelia Chemie GmbH", "Plant review");
    let won = world.firm.sales.win(&deal).await.unwrap();
    let project = world.project_of(&won.opportunity_id).await;
    let foreign = json!({"workspace": {"title": "Old habits", "currency": "EUR",
        "custom_fields": [{"custom_field_id": 302, "value": "OLD-0001"}]}});
    let foreign = world.in_kantata(Method::POST, "workspaces", &foreign).await;
    let job = crate::exceptions::job(&world, &project, "OLD-ERP").await;

    let began = Instant::now();
    for part in entries(count, deal.start).chunks(1_000) {
        world.firm.delivery.work(&foreign, part).await.unwrap();
    }
    let worked = began.elapsed();
    let waiting = grown(&world, "entries on the desk", count, async || {
        group(&world)
            .await
            .map_or(0, |group| group["open"].as_u64().unwrap())
    })
    .await;
    let on_the_desk = group(&world).await.unwrap();
    assert_eq!(
        on_the_desk["cause"]["code"], "project_not_mapped",
        "{on_the_desk}"
    );
    assert_eq!(posted(&world).await, 0);

    let fixed = Instant::now();
    world.map("project_code", "psa/main", &foreign, "OLD-ERP").await;
    grown(&world, "exceptions closed", count, async || {
        count
            - group(&world)
                .await
                .map_or(0, |group| group["open"].as_u64().unwrap())
    })
    .await;
    let closed = fixed.elapsed();
    grown(&world, "entries in the books", count, async || {
        posted(&world).await
    })
    .await;
    let all_posted = fixed.elapsed();

    let rows = world
        .rows(&format!("SELECT COUNT(*) AS n, COUNT(DISTINCT memo) AS notes, SUM(hours) AS hours FROM timebill WHERE customer = {job}"))
        .await;
    eprintln!(
        "{count} entries of one unmapped project: worked in {:.1} s, on the desk as one group {:.1} s later; one mapping \
         closed the group in {:.1} s and posted all in {:.1} s; in the books {}, with {} different notes",
        worked.as_secs_f64(),
        waiting.as_secs_f64(),
        closed.as_secs_f64(),
        all_posted.as_secs_f64(),
        rows[0]["n"],
        rows[0]["notes"],
    );
    assert_eq!(
        (text(&rows[0]["n"]), text(&rows[0]["notes"])),
        (count.to_string(), count.to_string())
    );
    assert_eq!(
        number(&rows[0]["hours"]) * rust_decimal::Decimal::TEN,
        count.into()
    );
    books::balance(&world).await;
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}
