//! The ERP is down for a while under load: it is asked by single probes, what does not need it goes on, and everything that
//! waited is done once when it is back. `make prove-outage MINUTES=10` plays it at length.

use std::time::{Duration, Instant};

use chrono::{Days, NaiveDate};
use reqwest::Method;
use serde_json::Value;
use vendor_twins::faults::{Fault, Rule};
use vendor_twins::firm::Hours;

use crate::books;
use crate::world::{Project, World, number, small_deal, text};

const JAMES: &str = "james.whitfield@northwind-advisory.example";
/// Seconds for which the ERP is down, unless the environment says otherwise.
const SHORT: u64 = 12;
/// Entries approved before the outage, and after it.
const AROUND: u64 = 150;
/// Entries approved in each second of it.
const A_SECOND: u64 = 12;
/// The APIs that call the ERP.
const CALLERS: [&str; 3] = [
    "quote-to-project-process-api",
    "time-to-invoice-process-api",
    "invoice-to-cash-process-api",
];

/// A rule for every call of the ERP's API, that of its tokens too.
fn every_call(fault: Fault) -> Rule {
    Rule {
        method: None,
        path: Some("/services/".to_owned()),
        fault,
        per_million: None,
        skip: 0,
        times: None,
    }
}

/// Changes nothing and counts.
fn counted() -> Rule {
    every_call(Fault::Latency { ms: 0 })
}

#[expect(clippy::disallowed_methods, reason = "the tests' own switch")]
fn seconds_down() -> u64 {
    std::env::var("OUTAGE_SECONDS").map_or(SHORT, |text| text.parse().unwrap())
}

/// Entries with one note each, some a day.
fn entries(from: u64, count: u64, start: NaiveDate) -> Vec<Hours> {
    let entry = |n: u64| Hours {
        person: JAMES.to_owned(),
        task: Some("Strategy".to_owned()),
        role: "Senior Consultant".to_owned(),
        date: start.checked_add_days(Days::new(n % 10)).unwrap(),
        minutes: 6,
        rate_in_cents: Some(22_000),
        notes: format!("piece {n}"),
    };
    (from..from + count).map(entry).collect()
}

async fn posted(world: &World) -> usize {
    world
        .created("netsuite")
        .await
        .get("timeBill")
        .copied()
        .unwrap_or_default()
}

/// Waits until so many entries are in the books; it may take long as long as there are ever more.
async fn all_posted(world: &World, count: usize) {
    let (mut most, mut last_more) = (0, Instant::now());
    while most < count {
        let now = posted(world).await;
        if now > most {
            (most, last_more) = (now, Instant::now());
        }
        let waited = last_more.elapsed();
        if waited > Duration::from_secs(90) {
            panic!(
                "{most} of {count} entries are in the books\n{}",
                world.open_matters().await
            );
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(most, count);
}

/// The pauses of the ERP that an API shows.
async fn pauses(world: &World, api: &str) -> Vec<Value> {
    let shown = world
        .call(Method::GET, api, "/v1/pauses", "processes:read", None)
        .await;
    let mut pauses = shown.as_array().unwrap().clone();
    pauses.retain(|pause| pause["connection"] == "erp/main");
    pauses
}

/// The allocation of a project shows at the CRM.
async fn allocation_shows(world: &World, opportunity_id: &str) {
    let soql = format!("SELECT Id FROM Fairlead_Allocation__c WHERE Opportunity__c = '{opportunity_id}'");
    world
        .until("the allocation at the CRM", async || {
            let rows = world.firm.sales.query(&soql).await.unwrap();
            (!rows.is_empty()).then_some(())
        })
        .await;
}

#[actix_web::test]
async fn an_erp_that_is_down_under_load_is_hardly_asked_and_all_is_done_when_it_is_back() {
    let down_for = Duration::from_secs(seconds_down());
    let world = World::start().await;
    let deal = small_deal("Aurelia Chemie GmbH", "Plant review");
    let won = world.firm.sales.win(&deal).await.unwrap();
    let project: Project = world.project_of(&won.opportunity_id).await;
    let kantata = &world.firm.delivery;
    let work = async |from: u64, count: u64| {
        let hours = entries(from, count, deal.start);
        kantata.work(&project.workspace_id, &hours).await.unwrap();
    };

    // Before.
    world.faults("netsuite", &[counted()]).await;
    let began = Instant::now();
    work(0, AROUND).await;
    all_posted(&world, usize::try_from(AROUND).unwrap()).await;
    let usual = began.elapsed();
    let useful_before = world.fired("netsuite").await[0];

    // Down: more work comes in second by second, and what needs no ERP goes on.
    let down = [counted(), every_call(Fault::ServerError { status: 503 })];
    world.faults("netsuite", &down).await;
    let began = Instant::now();
    let mut booked = AROUND;
    work(booked, A_SECOND).await;
    booked += A_SECOND;
    let placed = kantata
        .staff(&project.workspace_id, |_| Some(JAMES.to_owned()))
        .await
        .unwrap();
    assert_eq!(placed, 1);
    kantata.confirm(&project.workspace_id).await.unwrap();
    allocation_shows(&world, &won.opportunity_id).await;
    let others_went_on = began.elapsed();
    let paused = world
        .until("the pause to be shown", async || {
            let shown = pauses(&world, "time-to-invoice-process-api").await;
            shown.into_iter().find(|pause| pause["waiting_instances"] != 0)
        })
        .await;
    // Said by the vendor, or by the system API that asks it for everybody: whoever notices first.
    assert_eq!(paused["connection"], "erp/main", "{paused}");
    let code = text(&paused["failure"]["code"]);
    assert!(
        ["vendor_unavailable", "connection_paused"].contains(&code.as_str()),
        "{paused}"
    );
    while began.elapsed() < down_for {
        let second = Instant::now();
        work(booked, A_SECOND).await;
        booked += A_SECOND;
        tokio::time::sleep(Duration::from_secs(1).saturating_sub(second.elapsed())).await;
    }
    let in_vain = world.fired("netsuite").await[1];
    assert_eq!(
        posted(&world).await,
        usize::try_from(AROUND).unwrap(),
        "the ERP was down"
    );

    // Back.
    world.faults("netsuite", &[counted()]).await;
    let back = Instant::now();
    world
        .until("every API to call the ERP again", async || {
            for api in CALLERS {
                if !pauses(&world, api).await.is_empty() {
                    return None;
                }
            }
            Some(())
        })
        .await;
    let resumed_after = back.elapsed();
    work(booked, AROUND).await;
    booked += AROUND;
    all_posted(&world, usize::try_from(booked).unwrap()).await;
    let caught_up_after = back.elapsed();
    let useful = useful_before + world.fired("netsuite").await[0];

    eprintln!(
        "down for {} s: {useful} useful calls and {in_vain} in vain, {:.3} attempts a useful call; resumed after {:.1} s; \
         {booked} entries, caught up after {:.1} s; {AROUND} entries took {:.1} s before; \
         others went on within {:.1} s",
        down_for.as_secs(),
        ratio(useful + in_vain, useful),
        resumed_after.as_secs_f64(),
        caught_up_after.as_secs_f64(),
        usual.as_secs_f64(),
        others_went_on.as_secs_f64(),
    );
    // Probes are densest in the first seconds, so a short outage is measured by their number.
    let most_in_vain = if down_for < Duration::from_secs(300) {
        60
    } else {
        useful / 5
    };
    assert!(
        in_vain <= most_in_vain,
        "{in_vain} calls in vain for {useful} useful ones"
    );
    assert!(resumed_after < Duration::from_secs(60), "{resumed_after:?}");
    let forecasts = world.created("netsuite").await.get("resourceAllocation").copied();
    assert_eq!(
        forecasts,
        Some(1),
        "what the allocation needs of the ERP was made up for"
    );
    let open = world.exceptions().await;
    assert!(open.is_empty(), "a pause is nobody's business: {open:#?}");
    let minutes = world
        .rows(&format!(
            "SELECT SUM(hours) AS hours, COUNT(*) AS n FROM timebill WHERE customer = {}",
            project.job_id
        ))
        .await;
    assert_eq!(text(&minutes[0]["n"]), booked.to_string());
    assert_eq!(
        number(&minutes[0]["hours"]) * rust_decimal::Decimal::TEN,
        booked.into()
    );
    books::balance(&world).await;
    books::nothing_is_made_twice(&world).await;
    world.stop().await;
}

fn ratio(all: u64, useful: u64) -> f64 {
    let part = |count: u64| f64::from(u32::try_from(count).unwrap());
    part(all) / part(useful)
}
