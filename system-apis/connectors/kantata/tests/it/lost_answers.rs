//! Answers that are lost after Kantata has committed: the outcome is unknown, and a look-up by the key settles it.

use std::collections::BTreeSet;

use canonical_model::{FindBy, LinkState, Resource};
use serde_json::{Value, json};
use system_ports::{Collection, Port, PsaPort, Verb};
use vendor_twins::firm::Expenditure;

use crate::account::{Desk, JAMES, account, create, day, hours, mark, milestone, project, request, task};

/// The two ways in which an answer is lost: after the vendor committed, and before it was reached.
const WAYS: [(&str, bool); 2] = [("reset_after", true), ("reset_before", false)];

fn lost(fault: &str, collection: &str) -> Value {
    let path = format!("/{collection}(\\?|$)");
    json!([{"method": "POST", "path": path, "fault": {"kind": fault}, "times": 1}])
}

/// Loses the answer to one write in both ways: the look-up by its key tells which, and the write sent again leaves one
/// record. The collection's path.
async fn settles<T: Resource>(
    desk: &Desk,
    collection: &dyn Collection<T>,
    object: &str,
    record: impl Fn(usize) -> T,
) -> String {
    for (n, (fault, committed)) in WAYS.into_iter().enumerate() {
        let before = desk.count(object);
        let name = format!("{}-{}", fault.replace('_', "-"), T::NAME);
        let write = create(&name, record(n));
        desk.faults(lost(fault, object)).await;
        let results = collection.write(std::slice::from_ref(&write)).await;
        let failure = results[0].failure.as_ref().unwrap();
        assert!(
            failure.is_transient() && failure.is_unknown(),
            "{name}: {failure:?}"
        );
        assert_eq!(desk.fired().await, [1], "{name} was sent once");
        assert_eq!(desk.count(object), before + usize::from(committed), "{name}");
        let found = collection.find(FindBy::EffectKey, &name).await.unwrap();
        assert_eq!(found.len(), usize::from(committed), "{name}");
        let again = collection.write(std::slice::from_ref(&write)).await;
        let again = again.into_iter().next().unwrap().into_result().unwrap();
        assert_eq!(desk.count(object), before + 1, "{name}");
        // Of a record in two parts the first may have been there already.
        assert!(!committed || again.created == Some(false), "{name}");
        for found in found {
            assert_eq!(
                (&found.id, found.effect_key.as_deref()),
                (&again.id, Some(name.as_str()))
            );
        }
    }
    T::PATH.to_owned()
}

fn declared(desk: &Desk, verb: Verb) -> BTreeSet<String> {
    let all = desk.psa.capabilities().collections.into_iter();
    let those = all.filter(|collection| collection.support.has(verb));
    those.map(|collection| collection.collection).collect()
}

#[actix_web::test]
async fn a_lost_answer_makes_no_second_record_of_any_kind() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let client = desk.client("owner").await;
    let place = desk.project("HEL-0000").await;
    let covered = BTreeSet::from([
        settles(&desk, psa.accounts(), "workspace_groups", |n| {
            account(&format!("Lost {n}"))
        })
        .await,
        settles(&desk, psa.projects(), "workspaces", |n| {
            project(&format!("LOST-{n}"), &client)
        })
        .await,
        settles(&desk, psa.tasks(), "stories", |n| {
            task(&place, &format!("Lost {n}"))
        })
        .await,
        settles(&desk, psa.resource_requests(), "resource_requests", |n| {
            request(&place, if n == 0 { 600 } else { 900 })
        })
        .await,
        settles(&desk, psa.milestones(), "billing_milestones", |n| {
            milestone(&place, &format!("Lost {n}"), "40000")
        })
        .await,
    ]);
    assert_eq!(
        covered,
        declared(&desk, Verb::Write),
        "every collection that can be written"
    );
}

/// Loses the answer to the first part of a write that has several: it is not found until the write is sent again.
async fn completes<T: Resource>(
    desk: &Desk,
    collection: &dyn Collection<T>,
    (first, objects): (&str, &[&str]),
    record: T,
) {
    let before: Vec<usize> = objects.iter().map(|object| desk.count(object)).collect();
    let name = format!("half-{}-{first}", T::NAME);
    let write = [create(&name, record)];
    desk.faults(lost("reset_after", first)).await;
    assert!(
        collection.write(&write).await[0]
            .failure
            .as_ref()
            .unwrap()
            .is_unknown()
    );
    assert_eq!(collection.find(FindBy::EffectKey, &name).await.unwrap(), []);
    for _ in 0..2 {
        assert!(collection.write(&write).await[0].failure.is_none());
    }
    let found = collection.find(FindBy::EffectKey, &name).await.unwrap();
    assert_eq!(found.len(), 1);
    for (object, before) in objects.iter().zip(before) {
        assert_eq!(desk.count(object), before + 1, "{object}");
    }
}

#[actix_web::test]
async fn what_stopped_half_way_is_completed_by_the_same_write() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let place = desk.project("HEL-0000").await;
    let parts = ["stories", "billing_milestones"];
    completes(
        &desk,
        psa.milestones(),
        ("stories", &parts),
        milestone(&place, "Half", "10"),
    )
    .await;
    let parts = [
        "workspace_resources",
        "workspace_allocations",
        "resource_requests",
    ];
    for (n, first) in parts[..2].iter().enumerate() {
        let wanted = request(&place, 600 + i64::try_from(n).unwrap());
        completes(&desk, psa.resource_requests(), (first, &parts), wanted).await;
    }
}

#[actix_web::test]
async fn a_lost_answer_to_a_batch_leaves_every_record_to_its_look_up() {
    let desk = Desk::with(
        crate::account::prompt(),
        vendor_twins::kantata::DEVELOPMENT_TOKEN,
        |settings| {
            settings.limits.batch_size = 2;
        },
    );
    let place = desk.project("HEL-0000").await;
    let writes: Vec<_> = (0..3)
        .map(|n| create(&format!("batch-{n}"), task(&place, &format!("Batch {n}"))))
        .collect();
    desk.faults(lost("reset_after", "stories")).await;
    let results = desk.psa.tasks().write(&writes).await;
    let unknown: Vec<bool> = results
        .iter()
        .map(|r| r.failure.as_ref().unwrap().is_unknown())
        .collect();
    assert_eq!(unknown, [true, true, false], "the third was never sent");
    let mut found = Vec::new();
    for n in 0..3 {
        let name = format!("batch-{n}");
        found.push(
            desk.psa
                .tasks()
                .find(FindBy::EffectKey, &name)
                .await
                .unwrap()
                .len(),
        );
    }
    assert_eq!(found, [1, 1, 0]);
}

/// Loses the answer to a mark in both ways; set again it is there once. The collection's path.
async fn marks<T: Resource>(desk: &Desk, collection: &dyn Collection<T>, id: &str) -> String {
    for (n, (fault, _)) in WAYS.into_iter().enumerate() {
        let (before, other) = (desk.count("external_references"), format!("700{n}"));
        let link = [mark(
            &format!("mark-{n}-{}", T::NAME),
            id,
            Some(&other),
            LinkState::Succeeded,
        )];
        desk.faults(lost(fault, "external_references/create_or_update"))
            .await;
        let results = collection.link(&link).await;
        assert!(
            results[0].failure.as_ref().unwrap().is_unknown(),
            "{} {fault}",
            T::PATH
        );
        assert_eq!(desk.fired().await, [1], "{} {fault}", T::PATH);
        assert!(collection.link(&link).await[0].failure.is_none());
        // There is one for each record and system, which is changed later.
        assert_eq!(
            desk.count("external_references"),
            before + usize::from(n == 0),
            "{} {fault}",
            T::PATH
        );
        let links = collection.read(id).await.unwrap().links;
        assert_eq!(links.get("erp"), Some(&other), "{} {fault}", T::PATH);
    }
    T::PATH.to_owned()
}

async fn made<T: Resource>(collection: &dyn Collection<T>, record: T) -> String {
    let results = collection
        .write(&[create(&format!("made-{}", T::NAME), record)])
        .await;
    results.into_iter().next().unwrap().into_result().unwrap().id
}

#[actix_web::test]
async fn a_mark_is_set_again_without_harm() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let place = desk.project("HEL-0000").await;
    let logged = desk
        .firm
        .delivery
        .log_time(&place, &[hours("2026-11-02", 60)])
        .await
        .unwrap();
    let taxi = Expenditure {
        person: JAMES.to_owned(),
        date: day("2026-11-02"),
        category: "Travel".to_owned(),
        amount_in_cents: 4_250,
        notes: "Taxi".to_owned(),
    };
    let spent = desk.firm.delivery.spend(&place, &[taxi]).await.unwrap();
    let covered = BTreeSet::from([
        marks(&desk, psa.time_entries(), &logged[0]).await,
        marks(&desk, psa.expenses(), &spent[0]).await,
        marks(&desk, psa.projects(), &place).await,
        marks(
            &desk,
            psa.accounts(),
            &made(psa.accounts(), account("Marked")).await,
        )
        .await,
        marks(
            &desk,
            psa.tasks(),
            &made(psa.tasks(), task(&place, "Marked")).await,
        )
        .await,
        marks(
            &desk,
            psa.milestones(),
            &made(psa.milestones(), milestone(&place, "Marked", "10")).await,
        )
        .await,
    ]);
    assert_eq!(
        covered,
        declared(&desk, Verb::Link),
        "every collection that can be linked"
    );
}
