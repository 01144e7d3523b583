//! What happens to posted work that changes in the PSA, from its feed or a sweep to the ERP.

use std::collections::BTreeMap;

use canonical_model::{ApprovalState, CreditNote, Minutes, PeriodState, ResolutionAction, TimeEntry};
use process_engine::InstanceFilter;
use rust_decimal::{Decimal, dec};
use serde_json::json;
use testkit::Issuer;
use time_to_invoice_process_api::Running;

use crate::processes::{bill, by_time, closed, exception, get, invoices, resolution, world};
use crate::records::hours;
use crate::world::World;

const DAY: &str = "2026-11-03";

/// Eight hours, or so many minutes.
fn worked(minutes: i64) -> TimeEntry {
    TimeEntry {
        minutes: Minutes::new(minutes),
        ..hours("31", DAY)
    }
}

fn sent_back(minutes: i64) -> TimeEntry {
    TimeEntry {
        approval: ApprovalState::Rejected,
        ..worked(minutes)
    }
}

/// The time that the ERP has, in minutes: by day, all entries and reversals together.
fn in_the_books(world: &World) -> BTreeMap<String, i64> {
    let mut days = BTreeMap::new();
    for ((collection, _), record) in &world.systems().written {
        if collection == "time-entries" {
            let day = record["date"].as_str().unwrap().to_owned();
            *days.entry(day).or_default() += record["minutes"].as_i64().unwrap();
        }
    }
    days
}

fn credits(world: &World) -> Vec<CreditNote> {
    let systems = world.systems();
    let notes = systems
        .written
        .iter()
        .filter(|((collection, _), _)| collection == "credit-notes");
    notes
        .map(|(_, record)| {
            let mut record = record.clone();
            record.as_object_mut().unwrap().remove("_id");
            serde_json::from_value(record).unwrap()
        })
        .collect()
}

/// Lines by source and generation: state and minutes.
async fn lines(running: &Running, issuer: &Issuer) -> Vec<(u64, String, i64)> {
    let page = get(running, issuer, "/v1/posting-lines").await;
    let mut lines: Vec<_> = page["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                line["generation"].as_u64().unwrap(),
                line["state"].as_str().unwrap().to_owned(),
                line["minutes"].as_i64().unwrap(),
            )
        })
        .collect();
    lines.sort();
    lines
}

/// Waits until the lines are these.
async fn become_(running: &Running, issuer: &Issuer, expected: &[(u64, &str, i64)]) {
    let mut last = Vec::new();
    for _ in 0..600 {
        last = lines(running, issuer).await;
        let told: Vec<_> = last
            .iter()
            .map(|(n, state, m)| (*n, state.as_str(), *m))
            .collect();
        if told == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!(
        "{last:?} instead of {expected:?}: {:?}",
        running.desk().exceptions(Default::default()).await
    );
}

async fn sweep(running: &Running, issuer: &Issuer, key: &str) {
    let token = issuer.service_token("time-to-invoice-process-api", &["work:write"]);
    let request = testkit::http()
        .post(format!("{}/v1/work-sweeps", running.base_url))
        .bearer_auth(token)
        .header("idempotency-key", key)
        .json(&json!({ "date_from": "2026-11-01", "date_to": "2026-11-30" }));
    assert_eq!(request.send().await.unwrap().status().as_u16(), 202);
}

/// Waits until so many sweeps are through.
async fn sweeps_end(running: &Running, count: usize) {
    for _ in 0..600 {
        let sweeps = InstanceFilter {
            process: Some("work-sweep".to_owned()),
            ..InstanceFilter::default()
        };
        let sweeps = running.desk().instances(sweeps).await.unwrap().items;
        if sweeps.iter().filter(|sweep| sweep.ended_at.is_some()).count() == count {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{count} sweeps do not end");
}

/// A world in which eight hours are posted.
async fn posted(issuer: &Issuer) -> (World, Running) {
    let world = world(issuer, &by_time()).await;
    world.change("1", Some(worked(480)));
    let running = world.run(issuer).await;
    world
        .until("a posting", |systems| systems.marks.contains_key("1"))
        .await;
    (world, running)
}

/// Bills everything and waits for so many invoices.
async fn invoiced(world: &World, running: &Running, issuer: &Issuer, key: &str, count: usize) {
    bill(running, issuer, key, &json!({ "up_to": "2026-11-30" })).await;
    let many = |systems: &crate::world::Systems| {
        systems.written.keys().filter(|(of, _)| of == "invoices").count() == count
    };
    world.until("an invoice", many).await;
    for _ in 0..600 {
        let runs = get(running, issuer, "/v1/billing-runs?state=running").await;
        if runs["items"].as_array().unwrap().is_empty() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("a billing run does not end");
}

#[actix_web::test]
async fn an_edit_before_the_invoice_is_reversed_and_only_the_last_truth_is_posted() {
    let issuer = Issuer::start().await;
    let (world, running) = posted(&issuer).await;
    world.change("1", Some(worked(420)));
    world.change("1", Some(worked(450)));
    become_(
        &running,
        &issuer,
        &[(1, "reversed", 480), (2, "reversed", -480), (3, "posted", 450)],
    )
    .await;
    assert_eq!(in_the_books(&world), BTreeMap::from([(DAY.to_owned(), 450)]));
    assert!(credits(&world).is_empty(), "nothing was charged");
    invoiced(&world, &running, &issuer, "b-1", 1).await;
    assert_eq!(invoices(&world)[0].net.unwrap().amount, dec!(1125));
    let sums = get(&running, &issuer, "/v1/posting-lines/summary").await;
    let of = |state: &str| -> (i64, Decimal) {
        let sums = sums["sums"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|s| s["state"] == state);
        sums.fold((0, Decimal::ZERO), |(minutes, money), sum| {
            let amount = sum["charge"]["amount"]
                .as_str()
                .unwrap()
                .parse::<Decimal>()
                .unwrap();
            (minutes + sum["minutes"].as_i64().unwrap(), money + amount)
        })
    };
    assert_eq!(of("reversed"), (0, dec!(0)), "{sums}");
    assert_eq!(of("posted"), (450, dec!(1125)), "{sums}");
    running.stop().await;
}

#[actix_web::test]
async fn what_was_charged_is_credited_to_the_cent_and_charged_anew() {
    let issuer = Issuer::start().await;
    let (world, running) = posted(&issuer).await;
    invoiced(&world, &running, &issuer, "b-1", 1).await;
    let mut dearer = worked(480);
    dearer.rate = dearer.rate.map(|rate| canonical_model::Rate {
        money: crate::records::euros(dec!(170)),
        ..rate
    });
    world.change("1", Some(dearer));
    become_(
        &running,
        &issuer,
        &[(1, "reversed", 480), (2, "reversed", -480), (3, "posted", 480)],
    )
    .await;
    let notes = credits(&world);
    assert_eq!(notes.len(), 1);
    let charged: Decimal = notes[0].lines.iter().map(|line| line.amount.amount).sum();
    assert_eq!(charged, dec!(1200));
    invoiced(&world, &running, &issuer, "b-2", 2).await;
    let mut nets: Vec<_> = invoices(&world).iter().map(|i| i.net.unwrap().amount).collect();
    nets.sort();
    assert_eq!(nets, [dec!(1200), dec!(1360)]);

    // Approval is withdrawn, and given again: it begins anew.
    world.change("1", Some(sent_back(480)));
    world
        .until("a mark that it is out", |systems| {
            systems.marks.get("1").is_some_and(|mark| mark == "-")
        })
        .await;
    assert_eq!(in_the_books(&world), BTreeMap::from([(DAY.to_owned(), 0)]));
    world.change("1", Some(worked(480)));
    world
        .until("a posting", |systems| {
            systems.marks.get("1").is_some_and(|mark| mark != "-")
        })
        .await;
    assert_eq!(in_the_books(&world), BTreeMap::from([(DAY.to_owned(), 480)]));
    assert_eq!(credits(&world).len(), 2);
    running.stop().await;
}

#[actix_web::test]
async fn a_closed_period_stops_a_reversal_until_it_is_opened_answered_or_the_psa_comes_back() {
    let issuer = Issuer::start().await;
    let (world, running) = posted(&issuer).await;
    let desk = running.desk();
    world.systems().period_state = Some(PeriodState::Closed);
    world.change::<TimeEntry>("1", None);
    let stopped = exception(&desk, "period_closed").await;
    assert_eq!(stopped.cause.subject, "period:2026-11");
    assert_eq!(stopped.owner_role, "project_accountant");
    assert_eq!(stopped.money_at_risk, Some(crate::records::euros(dec!(1200))));
    assert!(
        stopped.failure.message.contains("was deleted"),
        "{}",
        stopped.failure.message
    );
    become_(&running, &issuer, &[(1, "reversing", 480)]).await;

    // The PSA brings it back as it was: the case ends by itself, without a document.
    world.change("1", Some(worked(480)));
    closed(&desk, stopped.id).await;
    become_(&running, &issuer, &[(1, "posted", 480)]).await;
    assert_eq!(in_the_books(&world), BTreeMap::from([(DAY.to_owned(), 480)]));

    // It changes once more, and the period is opened.
    world.change("1", Some(worked(60)));
    let stopped = exception(&desk, "period_closed").await;
    world.systems().period_state = None;
    let retry = resolution(ResolutionAction::Retry, None);
    desk.resolve_exception(stopped.id, retry, "accountant")
        .await
        .unwrap();
    become_(
        &running,
        &issuer,
        &[(1, "reversed", 480), (2, "reversed", -480), (3, "posted", 60)],
    )
    .await;
    assert_eq!(in_the_books(&world), BTreeMap::from([(DAY.to_owned(), 60)]));
    running.stop().await;
}

#[actix_web::test]
async fn who_skips_a_reversal_is_told_what_its_credit_note_took_off() {
    let issuer = Issuer::start().await;
    let (world, running) = posted(&issuer).await;
    let desk = running.desk();
    invoiced(&world, &running, &issuer, "b-1", 1).await;
    let note = worked(480).note.unwrap();
    world.systems().refused_notes.insert(note);
    world.change::<TimeEntry>("1", None);
    let stopped = exception(&desk, "vendor_refused").await;
    assert_eq!(credits(&world).len(), 1, "the credit note comes first");
    desk.resolve_exception(stopped.id, resolution(ResolutionAction::Skip, None), "accountant")
        .await
        .unwrap();
    let asked = exception(&desk, "credit_note_not_reversible").await;
    assert!(
        asked.failure.message.contains("credit-notes-"),
        "{}",
        asked.failure.message
    );
    assert_eq!(asked.money_at_risk, Some(crate::records::euros(dec!(1200))));
    become_(&running, &issuer, &[(1, "posted", 480)]).await;
    assert_eq!(in_the_books(&world), BTreeMap::from([(DAY.to_owned(), 480)]));
    running.stop().await;
}

#[actix_web::test]
async fn an_erp_that_takes_no_reversals_leaves_them_to_a_person() {
    let issuer = Issuer::start().await;
    let (world, running) = posted(&issuer).await;
    let desk = running.desk();
    world.systems().no_reversals = true;
    // What a connection can do is believed for a minute, and was asked when the line was posted.
    running.stop().await;
    let running = world.run(&issuer).await;
    world
        .until("a second posting", |systems| systems.sends.len() >= 2)
        .await;
    become_(&running, &issuer, &[(1, "posted", 480)]).await;
    drop(desk);
    let desk = running.desk();
    world.change("1", Some(worked(420)));
    let stopped = exception(&desk, "reversal_not_supported").await;
    let answer = resolution(
        ResolutionAction::Answer,
        Some(json!({ "booked_as": "by-hand-7" })),
    );
    desk.resolve_exception(stopped.id, answer, "accountant")
        .await
        .unwrap();
    become_(
        &running,
        &issuer,
        &[(1, "reversed", 480), (2, "reversed", -480), (3, "posted", 420)],
    )
    .await;
    let page = get(&running, &issuer, "/v1/posting-lines?state=reversed").await;
    let by_hand = page["items"].as_array().unwrap().iter();
    assert_eq!(
        by_hand
            .filter(|line| line["posting"] == "erp/main/by-hand-7")
            .count(),
        1,
        "{page}"
    );

    // Skipped, the posting stands whatever the PSA says.
    world.change::<TimeEntry>("1", None);
    let stopped = exception(&desk, "reversal_not_supported").await;
    let skip = resolution(ResolutionAction::Skip, None);
    desk.resolve_exception(stopped.id, skip, "accountant")
        .await
        .unwrap();
    closed(&desk, stopped.id).await;
    become_(
        &running,
        &issuer,
        &[(1, "reversed", 480), (2, "reversed", -480), (3, "posted", 420)],
    )
    .await;
    running.stop().await;
}

#[actix_web::test]
async fn a_sweep_finds_what_the_feed_does_not_tell() {
    let issuer = Issuer::start().await;
    let world = world(&issuer, &by_time()).await;
    for (id, minutes) in [("1", 480), ("2", 470), ("3", 460), ("4", 450)] {
        world.change(id, Some(worked(minutes)));
    }
    let running = world.run(&issuer).await;
    world
        .until("all postings", |systems| systems.marks.len() == 4)
        .await;
    world.change_untold::<TimeEntry>("1", None);
    world.change_untold("2", Some(sent_back(470)));
    world.change_untold("3", Some(worked(30)));
    sweep(&running, &issuer, "s-1").await;
    become_(
        &running,
        &issuer,
        &[
            (1, "posted", 450),
            (1, "reversed", 460),
            (1, "reversed", 470),
            (1, "reversed", 480),
            (2, "reversed", -480),
            (2, "reversed", -470),
            (2, "reversed", -460),
            (3, "posted", 30),
        ],
    )
    .await;
    assert_eq!(in_the_books(&world), BTreeMap::from([(DAY.to_owned(), 480)]));
    // Swept again, nothing is left to do.
    let sends = world.systems().sends.len();
    sweep(&running, &issuer, "s-2").await;
    sweeps_end(&running, 2).await;
    assert_eq!(world.systems().sends.len(), sends);
    running.stop().await;
}
