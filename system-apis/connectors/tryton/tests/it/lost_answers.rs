//! Tryton commits and the answer is lost: the outcome is unknown, our key tells what is there, and sending the same write
//! again makes no second record.

use canonical_model::{
    CreditNote, Currency, FindBy, ListQuery, RecordRef, Resource, SourceKind, Sourced, Write,
};
use rust_decimal::dec;
use serde_json::json;
use system_ports::{Collection, ErpPort};

use crate::proxy::{Fault, Proxy};
use crate::{
    Books, account, create, eur, expense, invoice, line, project, task, time, today, try_write, write,
};

/// How often a record with this key is listed, and how often the feed of changes has it.
async fn shown_under<T: Resource>(collection: &dyn Collection<T>, key: &str) -> [usize; 2] {
    let under = |records: Vec<Sourced<T>>| {
        let keys = records.into_iter().map(|record| record.effect_key);
        keys.filter(|known| known.as_deref() == Some(key)).count()
    };
    let listed = collection.list(&ListQuery::default()).await.unwrap();
    assert_eq!(listed.next_cursor, None, "one page has them all");
    let changed = collection.changes(None, 500).await.unwrap();
    assert!(!changed.more, "one page has them all");
    let changed = changed.items.into_iter().filter_map(|change| change.record);
    [under(listed.items), under(changed.collect())]
}

/// One write whose answer to `method` is lost. `finished` says that the record is then all that it shall be.
async fn is_there_once<T: Resource>(
    proxy: &Proxy,
    collection: &dyn Collection<T>,
    method: &str,
    finished: bool,
    record: T,
) -> String {
    let key = format!("lost-{}-{}", T::NAME, method.replace('.', "-"));
    proxy.arm(method, Fault::AnswerLost, 1);
    let failure = try_write(collection, create(&key, record.clone()))
        .await
        .unwrap_err();
    assert!(
        failure.is_unknown() && failure.is_transient(),
        "{method}: {failure:?}"
    );
    assert_eq!(proxy.fired(), 1, "{method}");
    let found = collection.find(FindBy::EffectKey, &key).await.unwrap();
    assert_eq!(found.len(), usize::from(finished), "{method}: {found:?}");
    let shown = shown_under(collection, &key).await;
    assert_eq!(
        shown,
        [usize::from(finished); 2],
        "{method}: listed, and in the feed"
    );
    let again = write(collection, &key, record).await;
    let found = collection.find(FindBy::EffectKey, &key).await.unwrap();
    assert_eq!(found.len(), 1, "{method}: {found:?}");
    assert_eq!(
        (&found[0].id, found[0].effect_key.as_deref()),
        (&again.id, Some(key.as_str()))
    );
    assert_eq!(
        collection.find(FindBy::EffectKey, "never-sent").await.unwrap(),
        []
    );
    again.id
}

#[actix_web::test]
async fn one_write_of_each_kind_is_found_by_its_key() {
    let Some(books) = Books::open().await else { return };
    let work = books.engagement("Helios").await;
    let proxy = Proxy::before(&books.server.url).await;
    let erp = &books.other(&proxy.url, |_| {});
    let parties = books.count("party.party", json!([])).await;
    is_there_once(
        &proxy,
        erp.accounts(),
        "party.party.create",
        true,
        account("Lost"),
    )
    .await;
    assert_eq!(books.count("party.party", json!([])).await, parties + 1);
    let works = books.count("project.work", json!([])).await;
    let made = project("LOST-1", &work.account);
    let id = is_there_once(&proxy, erp.projects(), "project.work.create", true, made).await;
    let made = task("Lost", &work.project);
    is_there_once(&proxy, erp.tasks(), "project.work.create", true, made).await;
    assert_eq!(books.count("project.work", json!([])).await, works + 2);
    let entry = time(&work, 90);
    is_there_once(&proxy, erp.time_entries(), "timesheet.line.create", true, entry).await;
    assert_eq!(books.count("timesheet.line", json!([])).await, 1);

    // A change of a record: what was lost is done once more, to the same end.
    proxy.arm("project.work.write", Fault::AnswerLost, 1);
    let change = Write {
        id: Some(id.clone()),
        record: canonical_model::Project {
            name: "Renamed".into(),
            ..project("LOST-1", &work.account)
        },
        ..create("rename", project("LOST-1", &work.account))
    };
    let failure = try_write(erp.projects(), change.clone()).await.unwrap_err();
    assert!(failure.is_unknown(), "{failure:?}");
    assert_eq!(erp.projects().read(&id).await.unwrap().data.name, "Renamed");
    assert_eq!(try_write(erp.projects(), change).await.unwrap().id, id);
}

#[actix_web::test]
async fn a_document_is_made_once_wherever_the_answer_is_lost() {
    let Some(books) = Books::open().await else { return };
    let work = books.engagement("Helios").await;
    let proxy = Proxy::before(&books.server.url).await;
    let erp = &books.other(&proxy.url, |_| {});
    for (at, (method, finished)) in [
        ("account.invoice.create", false),
        ("timesheet.line.write", false),
        ("account.invoice.post", true),
    ]
    .into_iter()
    .enumerate()
    {
        let hour = write(books.erp.time_entries(), &format!("hour-{at}"), time(&work, 60)).await;
        let charged = line("Consultant", dec!(195), SourceKind::TimeEntry, &[&hour.id]);
        let document = invoice(&work, today(), vec![charged]);
        let id = is_there_once(&proxy, erp.invoices(), method, finished, document).await;
        let seen = books.erp.time_entries().read(&hour.id).await.unwrap();
        assert_eq!(seen.data.invoice.unwrap().id, id, "{method}");
    }
    assert_eq!(
        books
            .count("account.invoice", json!([["type", "=", "out"]]))
            .await,
        3
    );
    for (method, finished) in [("account.invoice.create", false), ("account.invoice.post", true)] {
        let spent = expense(&work, today(), eur(dec!(12.5)));
        is_there_once(&proxy, erp.expenses(), method, finished, spent).await;
    }
    assert_eq!(
        books.count("account.invoice", json!([["type", "=", "in"]])).await,
        2
    );
    let fee = || vec![line("Fee", dec!(900), SourceKind::BillingEvent, &["b"])];
    let open = write(books.erp.invoices(), "corrected", invoice(&work, today(), fee())).await;
    let credit = CreditNote {
        number: None,
        account: RecordRef::id(&work.account),
        invoice: RecordRef::id(open.id),
        date: today(),
        currency: Currency::EUR,
        lines: fee(),
        total: None,
    };
    is_there_once(&proxy, erp.credit_notes(), "account.invoice.post", true, credit).await;
    assert_eq!(
        books
            .count("account.invoice", json!([["type", "=", "out"]]))
            .await,
        5
    );
    assert_eq!(
        books
            .count("account.invoice", json!([["state", "=", "draft"]]))
            .await,
        0
    );
    let unbalanced = json!([["state", "!=", "posted"]]);
    assert_eq!(books.count("account.move", unbalanced).await, 0);
}

#[actix_web::test]
async fn a_batch_whose_answer_is_lost_leaves_each_entry_in_doubt_and_none_twice() {
    let Some(books) = Books::open().await else { return };
    let work = books.engagement("Helios").await;
    let proxy = Proxy::before(&books.server.url).await;
    let erp = &books.other(&proxy.url, |_| {});
    let writes: Vec<_> = (1..=5)
        .map(|n| create(&format!("b-{n}"), time(&work, n * 30)))
        .collect();
    proxy.arm("timesheet.line.create", Fault::AnswerLost, 1);
    let doubtful = erp.time_entries().write(&writes).await;
    assert!(
        doubtful.iter().all(|r| r.failure.as_ref().unwrap().is_unknown()),
        "{doubtful:?}"
    );
    let settled = erp.time_entries().write(&writes).await;
    assert!(settled.iter().all(|r| r.written.is_some()), "{settled:?}");
    assert_eq!(books.count("timesheet.line", json!([])).await, 5);

    // What never arrived is in doubt too, and is not there.
    proxy.arm("timesheet.line.create", Fault::NeverArrives, 1);
    let failure = try_write(erp.time_entries(), create("cut", time(&work, 30)))
        .await
        .unwrap_err();
    assert!(failure.is_unknown(), "{failure:?}");
    assert_eq!(
        erp.time_entries().find(FindBy::EffectKey, "cut").await.unwrap(),
        []
    );
}
