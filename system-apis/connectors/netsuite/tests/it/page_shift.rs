//! Records that come in while somebody reads page after page.

use std::collections::BTreeSet;

use canonical_model::{ListQuery, Resource, SourceKind};
use rust_decimal::dec;
use serde_json::json;
use system_ports::{Collection, ErpPort, Port, Verb};

use crate::{Books, account, eur, expense, invoice, line, project, task, time, write};

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
/// or doubled in the list, and none is missing from the feed. The collection's path, and how many records it has.
async fn steady<T: Resource>(books: &Books, collection: &dyn Collection<T>) -> (String, usize) {
    let support = collection.support();
    books.faults(json!([])).await;
    let mut at_rest = if support.has(Verb::List) {
        listed(collection).await
    } else {
        Vec::new()
    };
    let told_at_rest = if support.has(Verb::Changes) {
        told(collection).await
    } else {
        BTreeSet::new()
    };
    books
        .faults(json!([{ "path": "suiteql", "fault": { "kind": "page_shift" } }]))
        .await;
    if support.has(Verb::List) {
        let mut moved = listed(collection).await;
        moved.sort();
        at_rest.sort();
        assert_eq!(moved, at_rest, "{}", T::PATH);
    }
    if support.has(Verb::Changes) {
        assert_eq!(told(collection).await, told_at_rest, "{}", T::PATH);
    }
    (T::PATH.to_owned(), at_rest.len().max(told_at_rest.len()))
}

#[actix_web::test]
async fn what_is_read_while_pages_move_is_whole() {
    let books = Books::open().await;
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    for n in 0..5 {
        let (key, date) = (format!("shift-{n}"), format!("2026-11-{}", 10 + n));
        write(erp.accounts(), &key, account(&format!("Client {n}"))).await;
        write(
            erp.projects(),
            &key,
            project(&format!("SHIFT-{n}"), &work.account),
        )
        .await;
        write(erp.tasks(), &key, task(&format!("Task {n}"), &work.project)).await;
        write(erp.time_entries(), &key, time(&work, &date, 60)).await;
        write(erp.expenses(), &key, expense(&work, &date, eur(dec!(10)))).await;
        let fee = vec![line("Fee", dec!(900), SourceKind::BillingEvent, &["b"])];
        write(erp.invoices(), &key, invoice(&work, &date, fee)).await;
    }
    let read = [
        steady(&books, erp.legal_entities()).await,
        steady(&books, erp.periods()).await,
        steady(&books, erp.tax_codes()).await,
        steady(&books, erp.fx_rates()).await,
        steady(&books, erp.accounts()).await,
        steady(&books, erp.contracts()).await,
        steady(&books, erp.projects()).await,
        steady(&books, erp.tasks()).await,
        steady(&books, erp.people()).await,
        steady(&books, erp.roles()).await,
        steady(&books, erp.assignments()).await,
        steady(&books, erp.time_entries()).await,
        steady(&books, erp.expenses()).await,
        steady(&books, erp.billing_schedules()).await,
        steady(&books, erp.invoices()).await,
        steady(&books, erp.credit_notes()).await,
        steady(&books, erp.payments()).await,
    ];
    let in_pages = read.iter().filter(|(_, count)| *count > 2).count();
    assert!(in_pages >= 8, "{read:?}");
    let all = erp.capabilities().collections.into_iter();
    let declared = all.filter(|one| one.support.has(Verb::List) || one.support.has(Verb::Changes));
    let declared: BTreeSet<_> = declared.map(|one| one.collection).collect();
    let covered: BTreeSet<_> = read.into_iter().map(|(path, _)| path).collect();
    assert!(
        declared.is_subset(&covered),
        "not covered: {:?}",
        declared.difference(&covered).collect::<Vec<_>>()
    );
}
