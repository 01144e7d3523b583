//! The processes from the PSA's feed to the invoice.

use canonical_model::{
    BillingMethod, CanonicalId, ContractAgreed, ExceptionCause, ExceptionRecord, Failure, Invoice,
    MappingDomain, Milestone, PeriodState, Resolution, ResolutionAction,
};
use process_engine::{Desk, ExceptionFilter};
use rust_decimal::dec;
use serde_json::{Value, json};
use testkit::Issuer;
use time_to_invoice_process_api::Running;

use crate::records::{contract, euros, hours};
use crate::world::{World, reached};

const API: &str = "time-to-invoice-process-api";

/// A world in which project 31 of the PSA is project 900 of the ERP, under a contract.
pub(crate) async fn world(issuer: &Issuer, agreed: &ContractAgreed) -> World {
    let world = World::start(issuer).await;
    world.set_up(agreed);
    world
}

pub(crate) fn by_time() -> ContractAgreed {
    contract(CanonicalId::generate(), BillingMethod::TimeAndMaterials, &[])
}

/// Waits for an open exception of a code.
pub(crate) async fn exception(desk: &Desk, code: &str) -> ExceptionRecord {
    for _ in 0..600 {
        let filter = ExceptionFilter {
            code: Some(code.to_owned()),
            ..ExceptionFilter::default()
        };
        let found = desk.exceptions(filter).await.unwrap().items;
        if let Some(open) = found.into_iter().find(|exception| exception.closed_at.is_none()) {
            return open;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!(
        "no exception {code}: {:?}",
        desk.exceptions(ExceptionFilter::default()).await
    );
}

pub(crate) fn resolution(action: ResolutionAction, answer: Option<Value>) -> Resolution {
    Resolution {
        action,
        reason: Some("decided in a test".to_owned()),
        answer,
    }
}

pub(crate) async fn get(running: &Running, issuer: &Issuer, path: &str) -> Value {
    let token = issuer.service_token(API, &["postings:read", "billing:read"]);
    let url = format!("{}{path}", running.base_url);
    let answer = testkit::http().get(url).bearer_auth(token).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.unwrap()
}

pub(crate) async fn bill(running: &Running, issuer: &Issuer, key: &str, request: &Value) -> Value {
    let token = issuer.service_token(API, &["billing:write"]);
    let url = format!("{}/v1/billing-runs", running.base_url);
    let request = testkit::http()
        .post(url)
        .bearer_auth(token)
        .header("idempotency-key", key)
        .json(request);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 202);
    answer.json().await.unwrap()
}

/// The states of all lines, once none of them is on its way.
async fn settled(running: &Running, issuer: &Issuer) -> Vec<String> {
    for _ in 0..600 {
        let page = get(running, issuer, "/v1/posting-lines").await;
        let mut states: Vec<String> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["state"].as_str().unwrap().to_owned())
            .collect();
        states.sort();
        if !states.is_empty() && !states.iter().any(|state| state == "queued" || state == "posting") {
            return states;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("lines are still on their way");
}

pub(crate) fn invoices(world: &World) -> Vec<Invoice> {
    let systems = world.systems();
    let written = systems
        .written
        .iter()
        .filter(|((collection, _), _)| collection == "invoices");
    written
        .map(|(_, record)| {
            let mut record = record.clone();
            record.as_object_mut().unwrap().remove("_id");
            serde_json::from_value(record).unwrap()
        })
        .collect()
}

#[actix_web::test]
async fn a_week_of_hours_is_posted_its_exceptions_are_mended_and_all_of_it_is_charged_once() {
    let issuer = Issuer::start().await;
    let agreed = by_time();
    let world = world(&issuer, &agreed).await;
    let mut unmapped = hours("31", "2026-11-04");
    unmapped.role = Some(canonical_model::RecordRef::id("118"));
    let mut wordy = hours("31", "2026-11-05");
    wordy.note = Some("word ".repeat(300));
    world.change("1", Some(hours("31", "2026-11-03")));
    world.change("2", Some(unmapped));
    world.change("3", Some(wordy));
    // Sound for us, refused by the ERP.
    world
        .systems()
        .refused_notes
        .insert("Workshop of 2026-11-06".to_owned());
    world.change("4", Some(hours("31", "2026-11-06")));
    let running = world.run(&issuer).await;
    let desk = running.desk();

    assert_eq!(
        settled(&running, &issuer).await,
        ["excepted", "excepted", "excepted", "posted"]
    );
    world
        .until("a mark on what is posted", |systems| {
            systems.marks.contains_key("1")
        })
        .await;
    let role = exception(&desk, "role_not_mapped").await;
    assert_eq!(role.cause.subject, "role:psa/main:118");
    assert_eq!(role.money_at_risk, Some(euros(dec!(1200))));
    assert_eq!(
        (role.owner_role.as_str(), role.legal_entity.as_deref()),
        ("data_steward", Some("de"))
    );

    // Mapping the role re-runs the group; a shorter note and a mended ERP let the others go on.
    world.map(MappingDomain::Role, "psa/main", "118", "senior-consultant");
    let cause = ExceptionCause {
        code: "role_not_mapped".to_owned(),
        subject: "role:psa/main:118".to_owned(),
    };
    let retry = resolution(ResolutionAction::Retry, None);
    assert_eq!(
        desk.resolve_group(cause, retry.clone(), "steward").await.unwrap(),
        1
    );
    let note = exception(&desk, "note_too_long").await;
    let shorter = resolution(ResolutionAction::Answer, Some(json!({ "note": "Short" })));
    desk.resolve_exception(note.id, shorter, "accountant")
        .await
        .unwrap();
    world.systems().refused_notes.clear();
    let refused = exception(&desk, "vendor_refused").await;
    desk.resolve_exception(refused.id, retry, "accountant")
        .await
        .unwrap();
    world
        .until("four marks", |systems| systems.marks.len() == 4)
        .await;
    assert_eq!(settled(&running, &issuer).await, ["posted"; 4]);

    let request =
        json!({ "up_to": "2026-11-30", "date": "2026-11-30", "project_id": agreed.scope.project_id });
    let first = bill(&running, &issuer, "run-1", &request).await;
    assert_eq!(first["new"], true);
    assert_eq!(bill(&running, &issuer, "run-1", &request).await, first);
    assert_eq!(bill(&running, &issuer, "run-2", &request).await["new"], false);
    world
        .until("an invoice", |s| {
            s.references.iter().any(|r| r.resource == "invoice")
        })
        .await;
    let invoices = invoices(&world);
    assert_eq!(invoices.len(), 1);
    let invoice = &invoices[0];
    assert_eq!(invoice.net, Some(euros(dec!(4800))));
    assert_eq!(
        (
            invoice.account.id.as_str(),
            invoice.project.as_ref().unwrap().id.as_str()
        ),
        ("12", "900")
    );
    assert_eq!(
        invoice.lines.iter().map(|line| line.sources.len()).sum::<usize>(),
        4
    );
    assert!(
        invoice
            .lines
            .iter()
            .all(|line| line.role.as_ref().unwrap().id == "204")
    );
    let runs = get(&running, &issuer, "/v1/billing-runs?state=invoiced").await;
    assert_eq!(runs["items"][0]["lines"], 4);
    let sums = get(&running, &issuer, "/v1/posting-lines/summary").await;
    assert_eq!(sums["sums"][0]["charge"]["amount"], "4800.00");
    running.stop().await;
}

#[actix_web::test]
async fn a_lost_answer_posts_and_charges_nothing_twice() {
    let issuer = Issuer::start().await;
    let agreed = by_time();
    let world = world(&issuer, &agreed).await;
    world.systems().lose_answers = 1;
    world.change("1", Some(hours("31", "2026-11-03")));
    let running = world.run(&issuer).await;
    assert_eq!(settled(&running, &issuer).await, ["posted"]);
    let sent = |collection: &str| {
        world
            .systems()
            .sends
            .iter()
            .filter(|(c, _)| c == collection)
            .count()
    };
    assert_eq!(sent("time-entries"), 1, "it was found by its key and adopted");

    world.systems().lose_answers = 1;
    bill(&running, &issuer, "run-1", &json!({ "up_to": "2026-11-30" })).await;
    world
        .until("an invoice", |s| {
            s.references.iter().any(|r| r.resource == "invoice")
        })
        .await;
    assert_eq!((sent("invoices"), invoices(&world).len()), (1, 1));
    running.stop().await;
}

#[actix_web::test]
async fn what_was_posted_in_a_step_that_a_person_skips_or_takes_back_is_known() {
    for action in [ResolutionAction::Skip, ResolutionAction::Compensate] {
        let issuer = Issuer::start().await;
        let world = world(&issuer, &by_time()).await;
        (world.systems().lose_answers, world.systems().garble_look_ups) = (1, true);
        world.change("1", Some(hours("31", "2026-11-03")));
        let running = world.run(&issuer).await;
        let unseen = exception(&running.desk(), "undecodable_answer").await;
        assert_eq!(unseen.step, "post_lines");
        world.systems().garble_look_ups = false;
        let decision = resolution(action, None);
        running
            .desk()
            .resolve_exception(unseen.id, decision, "accountant")
            .await
            .unwrap();
        assert_eq!(settled(&running, &issuer).await, ["posted"]);
        let sends = world.systems().sends.clone();
        assert_eq!(sends.len(), 1, "{action:?}: {sends:?}");
        running.stop().await;
    }
}

#[actix_web::test]
async fn a_closed_period_stops_the_lines_in_it_until_it_is_opened() {
    let issuer = Issuer::start().await;
    let world = world(&issuer, &by_time()).await;
    world.systems().period_state = Some(PeriodState::Closed);
    world.change("1", Some(hours("31", "2026-11-03")));
    let running = world.run(&issuer).await;
    let closed = exception(&running.desk(), "period_closed").await;
    assert_eq!(closed.cause.subject, "period:2026-11");
    world.systems().period_state = None;
    let retry = resolution(ResolutionAction::Retry, None);
    running
        .desk()
        .resolve_exception(closed.id, retry, "accountant")
        .await
        .unwrap();
    world
        .until("a posting", |systems| !systems.written.is_empty())
        .await;
    assert_eq!(settled(&running, &issuer).await, ["posted"]);
    running.stop().await;
}

#[actix_web::test]
async fn what_nobody_can_read_comes_before_a_person() {
    let issuer = Issuer::start().await;
    let world = world(&issuer, &by_time()).await;
    world.garble(
        "2",
        Failure::business("unknown_currency", "\"XXQ\" is no currency"),
    );
    let running = world.run(&issuer).await;
    let desk = running.desk();
    // It gets a currency that exists.
    let unreadable = exception(&desk, "unknown_currency").await;
    world.change("2", Some(hours("31", "2026-11-04")));
    let retry = resolution(ResolutionAction::Retry, None);
    desk.resolve_exception(unreadable.id, retry, "accountant")
        .await
        .unwrap();
    closed(&desk, unreadable.id).await;
    world
        .until("a posting", |systems| systems.marks.contains_key("2"))
        .await;
    running.stop().await;
}

pub(crate) async fn closed(desk: &Desk, id: CanonicalId) {
    for _ in 0..600 {
        if desk.exception(id).await.unwrap().closed_at.is_some() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the exception stays open: {:?}", desk.exception(id).await);
}

#[actix_web::test]
async fn a_milestone_is_charged_once_when_it_is_reached_and_never_over_the_cap() {
    let issuer = Issuer::start().await;
    let charges = [
        ("a", "2026-11-20", dec!(4000), Some("psa/main/77")),
        ("b", "2026-12-20", dec!(7000), Some("psa/main/78")),
    ];
    let agreed = contract(CanonicalId::generate(), BillingMethod::Milestone, &charges);
    let world = world(&issuer, &agreed).await;
    world.change::<Milestone>("77", Some(reached("31", euros(dec!(4000)))));
    world.change::<Milestone>("77", Some(reached("31", euros(dec!(4000)))));
    let running = world.run(&issuer).await;
    world
        .until("an invoice", |s| {
            s.references.iter().any(|r| r.resource == "invoice")
        })
        .await;
    let first = invoices(&world);
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].net, first[0].lines.len()), (Some(euros(dec!(4000))), 1));

    // 4,000 and 7,000 are more than the cap of 10,000: a person decides.
    world.change::<Milestone>("78", Some(reached("31", euros(dec!(7000)))));
    let over = exception(&running.desk(), "over_cap").await;
    assert!(
        over.failure.message.contains("1000 EUR over") || over.failure.message.contains("1000.00 EUR over")
    );
    assert_eq!(over.owner_role, "billing_approver");
    let allow = resolution(ResolutionAction::Answer, Some(json!({ "allow_over_cap": true })));
    running
        .desk()
        .resolve_exception(over.id, allow, "approver")
        .await
        .unwrap();
    world
        .until("a second invoice", |s| {
            s.references.iter().filter(|r| r.resource == "invoice").count() == 2
        })
        .await;
    assert_eq!(invoices(&world).len(), 2);
    running.stop().await;
}
