//! Records that come in while somebody reads page after page: Kantata's pages are cut by number, so everything behind moves.

use std::collections::BTreeSet;

use canonical_model::{ListQuery, Resource};
use serde_json::json;
use system_ports::{Collection, Port, PsaPort, Verb};
use vendor_twins::firm::Expenditure;

use crate::account::{Desk, Follower, JAMES, account, create, day, hours, milestone, project, request, task};

/// Ids over all pages of a list, as they come.
async fn listed<T: Resource>(collection: &dyn Collection<T>) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let query = ListQuery {
            cursor,
            limit: Some(2),
            ..ListQuery::default()
        };
        let page = collection.list(&query).await.unwrap();
        ids.extend(page.items.into_iter().map(|item| item.id));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return ids;
        }
    }
}

async fn told<T: Resource>(collection: &dyn Collection<T>) -> BTreeSet<String> {
    let changes = Follower::new().catch_up(collection).await;
    changes.into_iter().map(|change| change.id).collect()
}

/// Reads a collection at rest, and again while every page has moved by one: no record is missing or doubled in the list,
/// and none is missing from the feed. The collection's path.
async fn steady<T: Resource>(desk: &Desk, collection: &dyn Collection<T>) -> String {
    let support = collection.support();
    desk.faults(json!([])).await;
    let at_rest = if support.has(Verb::List) {
        listed(collection).await
    } else {
        Vec::new()
    };
    let told_at_rest = if support.has(Verb::Changes) {
        told(collection).await
    } else {
        BTreeSet::new()
    };
    assert!(
        at_rest.len().max(told_at_rest.len()) > 0,
        "{}: nothing to read",
        T::PATH
    );
    desk.faults(json!([{"method": "GET", "path": ".", "fault": {"kind": "page_shift"}}]))
        .await;
    if support.has(Verb::List) {
        let mut moved = listed(collection).await;
        assert_eq!(moved.len(), at_rest.len(), "{}: {moved:?}", T::PATH);
        moved.sort();
        let mut at_rest = at_rest;
        at_rest.sort();
        assert_eq!(moved, at_rest, "{}", T::PATH);
    }
    if support.has(Verb::Changes) {
        assert_eq!(told(collection).await, told_at_rest, "{}", T::PATH);
    }
    T::PATH.to_owned()
}

async fn make<T: Resource>(collection: &dyn Collection<T>, record: impl Fn(usize) -> T) {
    let writes: Vec<_> = (0..5)
        .map(|n| create(&format!("shift-{}-{n}", T::NAME), record(n)))
        .collect();
    let results = collection.write(&writes).await;
    assert!(
        results.iter().all(|result| result.written.is_some()),
        "{results:?}"
    );
}

#[actix_web::test]
async fn what_is_read_while_pages_move_is_whole() {
    let desk = Desk::start().await;
    let (psa, delivery) = (&desk.psa, &desk.firm.delivery);
    let client = desk.client("owner").await;
    let place = desk.project("HEL-0000").await;
    make(psa.accounts(), |n| account(&format!("Client {n}"))).await;
    make(psa.projects(), |n| project(&format!("SHIFT-{n}"), &client)).await;
    make(psa.tasks(), |n| task(&place, &format!("Task {n}"))).await;
    make(psa.milestones(), |n| {
        milestone(&place, &format!("Milestone {n}"), "100")
    })
    .await;
    make(psa.resource_requests(), |n| {
        request(&place, 600 + 60 * i64::try_from(n).unwrap())
    })
    .await;
    delivery.staff(&place, |_| Some(JAMES.to_owned())).await.unwrap();
    let days = [
        "2026-11-02",
        "2026-11-03",
        "2026-11-04",
        "2026-11-05",
        "2026-11-06",
    ];
    let worked = days.map(|day| hours(day, 60));
    delivery.log_time(&place, &worked).await.unwrap();
    let spent = days.map(|on| Expenditure {
        person: JAMES.to_owned(),
        date: day(on),
        category: "Travel".to_owned(),
        amount_in_cents: 1_000,
        notes: "Train".to_owned(),
    });
    delivery.spend(&place, &spent).await.unwrap();

    let covered = BTreeSet::from([
        steady(&desk, psa.accounts()).await,
        steady(&desk, psa.projects()).await,
        steady(&desk, psa.tasks()).await,
        steady(&desk, psa.milestones()).await,
        steady(&desk, psa.people()).await,
        steady(&desk, psa.roles()).await,
        steady(&desk, psa.rate_cards()).await,
        steady(&desk, psa.cost_rates()).await,
        steady(&desk, psa.resource_requests()).await,
        steady(&desk, psa.assignments()).await,
        steady(&desk, psa.time_entries()).await,
        steady(&desk, psa.expenses()).await,
    ]);
    let all = psa.capabilities().collections.into_iter();
    let read = all.filter(|one| one.support.has(Verb::List) || one.support.has(Verb::Changes));
    let declared: BTreeSet<_> = read.map(|one| one.collection).collect();
    assert_eq!(covered, declared, "every collection that can be read in pages");
}
