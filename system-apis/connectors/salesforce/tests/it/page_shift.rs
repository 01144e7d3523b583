//! Records that come in while somebody reads page after page.

use std::collections::BTreeSet;

use canonical_model::{ListQuery, Resource};
use serde_json::json;
use system_ports::{Collection, CrmPort, Port, Verb};

use crate::org::{Org, account, assignment, contact, contract, create, invoice};

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
    let (mut ids, mut cursor) = (BTreeSet::new(), None);
    loop {
        let page = collection.changes(cursor.as_deref(), 2).await.unwrap();
        ids.extend(page.items.into_iter().map(|change| change.id));
        cursor = Some(page.next_cursor);
        if !page.more {
            return ids;
        }
    }
}

/// Reads a collection at rest, and again while every page that is cut by number has moved by one: no record is missing
/// or doubled in the list, and none is missing from the feed. The collection's path.
async fn steady<T: Resource>(org: &Org, collection: &dyn Collection<T>) -> String {
    org.faults(json!([])).await;
    let (mut at_rest, told_at_rest) = (listed(collection).await, told(collection).await);
    assert!(at_rest.len() > 2, "{}: {at_rest:?} is one page", T::PATH);
    org.faults(json!([{"method": "GET", "path": ".", "fault": {"kind": "page_shift"}}]))
        .await;
    let mut moved = listed(collection).await;
    moved.sort();
    at_rest.sort();
    assert_eq!(moved, at_rest, "{}", T::PATH);
    assert_eq!(told(collection).await, told_at_rest, "{}", T::PATH);
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
    let org = Org::start().await;
    let crm = &org.crm;
    let owner = org.account("owner").await.id;
    let mut opportunity = String::new();
    for _ in 0..3 {
        opportunity = org.win(&crate::mapping::deal()).await.opportunity_id;
    }
    make(crm.accounts(), |n| account(&format!("Client {n}"))).await;
    make(crm.contacts(), |n| contact(&owner, &format!("Nr{n}"))).await;
    make(crm.contracts(), |n| contract(&owner, &format!("Contract {n}"))).await;
    make(crm.assignments(), |n| {
        assignment(&opportunity, 60 + i64::try_from(n).unwrap())
    })
    .await;
    make(crm.invoices(), |n| invoice(&owner, &format!("INV{n}"))).await;
    let covered = BTreeSet::from([
        steady(&org, crm.accounts()).await,
        steady(&org, crm.contacts()).await,
        steady(&org, crm.opportunities()).await,
        steady(&org, crm.contracts()).await,
        steady(&org, crm.assignments()).await,
        steady(&org, crm.invoices()).await,
    ]);
    let all = crm.capabilities().collections.into_iter();
    let read = all.filter(|one| one.support.has(Verb::List) || one.support.has(Verb::Changes));
    let declared: BTreeSet<_> = read.map(|one| one.collection).collect();
    assert_eq!(covered, declared, "every collection that can be read in pages");
}
