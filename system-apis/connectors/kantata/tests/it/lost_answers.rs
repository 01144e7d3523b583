//! Answers that are lost after Kantata has committed: the outcome is unknown, and a look-up by the key settles it.

use canonical_model::{FindBy, LinkState, Resource};
use serde_json::{Value, json};
use system_ports::{Collection, PsaPort};

use crate::account::{Desk, account, create, hours, mark, milestone, project, request, task};

fn lost(collection: &str) -> Value {
    let path = format!("/{collection}(\\?|$)");
    json!([{"method": "POST", "path": path, "fault": {"kind": "reset_after"}, "times": 1}])
}

/// Loses the answer to one write; the record is found under its key, once, and the write sent again makes no second one.
async fn settles<T: Resource>(desk: &Desk, collection: &dyn Collection<T>, object: &str, record: T) {
    let before = desk.count(object);
    let name = format!("lost-{}", T::NAME);
    let write = create(&name, record);
    desk.faults(lost(object)).await;
    let results = collection.write(std::slice::from_ref(&write)).await;
    let failure = results[0].failure.as_ref().unwrap();
    assert!(
        failure.is_transient() && failure.is_unknown(),
        "{name}: {failure:?}"
    );
    assert_eq!(desk.fired().await, [1], "{name} was sent once");
    let found = collection.find(FindBy::EffectKey, &name).await.unwrap();
    assert_eq!(
        (found.len(), found[0].effect_key.as_deref()),
        (1, Some(name.as_str()))
    );
    let again = collection.write(std::slice::from_ref(&write)).await;
    let again = again.into_iter().next().unwrap().into_result().unwrap();
    assert_eq!(
        (again.id.as_str(), again.created, desk.count(object)),
        (found[0].id.as_str(), Some(false), before + 1)
    );
}

#[actix_web::test]
async fn a_lost_answer_makes_no_second_record_of_any_kind() {
    let desk = Desk::start().await;
    let psa = &desk.psa;
    let client = desk.client("owner").await;
    let place = desk.project("HEL-0000").await;
    settles(&desk, psa.accounts(), "workspace_groups", account("Lost")).await;
    settles(&desk, psa.projects(), "workspaces", project("LOST-1", &client)).await;
    settles(&desk, psa.tasks(), "stories", task(&place, "Lost")).await;
    settles(
        &desk,
        psa.resource_requests(),
        "resource_requests",
        request(&place, 600),
    )
    .await;
    settles(
        &desk,
        psa.milestones(),
        "billing_milestones",
        milestone(&place, "Lost", "40000"),
    )
    .await;
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
    desk.faults(lost(first)).await;
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
    desk.faults(lost("stories")).await;
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

#[actix_web::test]
async fn a_mark_is_set_again_without_harm() {
    let desk = Desk::start().await;
    let place = desk.project("HEL-0000").await;
    let entries = desk
        .firm
        .delivery
        .log_time(&place, &[hours("2026-11-02", 60)])
        .await
        .unwrap();
    let link = [mark("mark", &entries[0], Some("7001"), LinkState::Succeeded)];
    desk.faults(lost("external_references/create_or_update")).await;
    let entries = desk.psa.time_entries();
    assert!(
        entries.link(&link).await[0]
            .failure
            .as_ref()
            .unwrap()
            .is_unknown()
    );
    assert!(entries.link(&link).await[0].failure.is_none());
    assert_eq!(desk.count("external_references"), 1);
    let links = entries.read(&link[0].id).await.unwrap().links;
    assert_eq!(links.get("erp").map(String::as_str), Some("7001"));
}
