//! NetSuite commits and the answer is lost: the outcome is unknown, our key finds the one record, and sending the same
//! write again makes no second one.

use std::collections::BTreeSet;

use canonical_model::{
    Assignment, AssignmentState, BillingMethod, BillingSchedule, Contract, CreditNote, Currency, FindBy,
    Minutes, RecordRef, Resource, SourceKind,
};
use netsuite_connector::NetSuite;
use rust_decimal::dec;
use serde_json::json;
use system_ports::{Collection, ErpPort, Port, Verb};
use vendor_twins::netsuite::NetSuiteSettings;

use crate::{
    ANNA, Books, GERMANY, account, create, day, eur, expense, invoice, line, project, settings, task, time,
    try_write, write,
};

/// The two ways in which an answer is lost: after the vendor committed, and before it was reached.
const WAYS: [(&str, bool); 2] = [("reset_after", true), ("reset_before", false)];

/// Loses the answer to one write in both ways: the look-up by its key tells which, and the write sent again leaves one
/// record. The collection's path.
async fn settles<T: Resource>(
    books: &Books,
    collection: &dyn Collection<T>,
    object: &str,
    record: impl Fn(usize) -> T,
) -> String {
    let posts = collection.support().idempotency == system_ports::Idempotency::UniqueField;
    let method = if posts { "POST" } else { "PUT" };
    for (n, (fault, committed)) in WAYS.into_iter().enumerate() {
        let before = books.created(object).await;
        let key = format!("{}-{object}", fault.replace('_', "-"));
        let path = format!("/record/v1/{object}");
        books
            .faults(json!([{ "method": method, "path": path, "fault": { "kind": fault }, "times": 1 }]))
            .await;
        let failure = try_write(collection, create(&key, record(n))).await.unwrap_err();
        assert!(
            failure.is_unknown() && failure.is_transient(),
            "{key}: {failure:?}"
        );
        assert_eq!(books.fired().await, [1], "{key}");
        let now = before + usize::from(committed);
        assert_eq!(books.created(object).await, now, "{key}");
        let found = collection.find(FindBy::EffectKey, &key).await.unwrap();
        assert_eq!(found.len(), usize::from(committed), "{key}: {found:?}");
        let again = write(collection, &key, record(n)).await;
        assert_eq!(books.created(object).await, before + 1, "{key}");
        for found in found {
            assert_eq!(
                (&found.id, found.effect_key.as_deref()),
                (&again.id, Some(key.as_str()))
            );
        }
        assert_eq!(
            collection.find(FindBy::EffectKey, "never-sent").await.unwrap(),
            []
        );
    }
    T::PATH.to_owned()
}

#[actix_web::test]
async fn one_write_of_each_kind_is_found_by_its_key_or_is_not_there() {
    let books = Books::open().await;
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let (account_id, project_id) = (RecordRef::id(&work.account), RecordRef::id(&work.project));
    let date = |n: usize| format!("2026-11-{}", 20 + n);
    let order = |n: usize| Contract {
        name: format!("Lost {n}"),
        account: account_id.clone(),
        opportunity: None,
        project: Some(project_id.clone()),
        legal_entity: Some(RecordRef::id(GERMANY)),
        billing_method: BillingMethod::Retainer,
        currency: Currency::EUR,
        amount: eur(dec!(100)),
        cap: None,
        purchase_order: None,
        rate_card: None,
        start_date: day("2026-11-01"),
        end_date: None,
        signature_date: None,
    };
    let plan = |n: usize| Assignment {
        project: project_id.clone(),
        person: Some(RecordRef::id(ANNA)),
        role: None,
        start_date: day("2026-12-01"),
        end_date: day("2026-12-31"),
        minutes: Minutes::new(if n == 0 { 600 } else { 660 }),
        state: AssignmentState::Tentative,
    };
    let schedule = |n: usize| BillingSchedule {
        name: format!("Lost {n}"),
        project: project_id.clone(),
        method: BillingMethod::TimeAndMaterials,
        events: Vec::new(),
    };
    let fee = || vec![line("Fee", dec!(900), SourceKind::BillingEvent, &["b"])];
    let mut covered = BTreeSet::from([
        settles(&books, erp.accounts(), "customer", |n| {
            account(&format!("Lost {n}"))
        })
        .await,
        settles(&books, erp.projects(), "job", |n| {
            project(&format!("LOST-{n}"), &work.account)
        })
        .await,
        settles(&books, erp.tasks(), "projectTask", |n| {
            task(&format!("Lost {n}"), &work.project)
        })
        .await,
        settles(&books, erp.contracts(), "salesOrder", order).await,
        settles(&books, erp.assignments(), "resourceAllocation", plan).await,
        settles(&books, erp.billing_schedules(), "billingSchedule", schedule).await,
        settles(&books, erp.time_entries(), "timeBill", |n| {
            time(&work, &date(n), 90)
        })
        .await,
        settles(&books, erp.expenses(), "expenseReport", |n| {
            expense(&work, &date(n), eur(dec!(12.5)))
        })
        .await,
        settles(&books, erp.invoices(), "invoice", |n| {
            invoice(&work, &date(n), fee())
        })
        .await,
    ]);
    let open = write(erp.invoices(), "corrected", invoice(&work, "2026-11-30", fee())).await;
    let credit = |n: usize| CreditNote {
        number: None,
        account: account_id.clone(),
        invoice: RecordRef::id(&open.id),
        date: day("2026-11-30"),
        currency: Currency::EUR,
        lines: vec![line(
            "Fee",
            if n == 0 { dec!(400) } else { dec!(500) },
            SourceKind::BillingEvent,
            &["b"],
        )],
        total: None,
    };
    covered.insert(settles(&books, erp.credit_notes(), "creditMemo", credit).await);
    let all = erp.capabilities().collections.into_iter();
    let declared = |verb| {
        let those = all.clone().filter(move |collection| collection.support.has(verb));
        those
            .map(|collection| collection.collection)
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        covered,
        declared(Verb::Write),
        "every collection that can be written"
    );
    assert_eq!(
        declared(Verb::Link),
        BTreeSet::new(),
        "links are not covered here"
    );
}

#[actix_web::test]
async fn a_batch_whose_answers_are_lost_leaves_each_record_in_doubt_and_none_twice() {
    let books = Books::open().await;
    let entries = books.erp.time_entries();
    let work = books.engagement("Helios").await;
    let writes: Vec<_> = (1..=3)
        .map(|n| create(&format!("b-{n}"), time(&work, "2026-11-20", n * 30)))
        .collect();
    // The job is there, but nobody can be asked how it went.
    books
        .faults(json!([{ "path": "/async/v1/job/", "fault": { "kind": "server_error", "status": 503 } }]))
        .await;
    let doubtful = entries.write(&writes).await;
    assert!(
        doubtful.iter().all(|r| r.failure.as_ref().unwrap().is_unknown()),
        "{doubtful:?}"
    );
    books.faults(json!([])).await;
    let settled = entries.write(&writes).await;
    assert!(settled.iter().all(|r| r.written.is_some()), "{settled:?}");
    assert_eq!(books.created("timeBill").await, 3);
}

#[actix_web::test]
async fn an_invoice_whose_connection_breaks_before_it_is_looked_at_is_not_there() {
    let books = Books::open().await;
    let work = books.engagement("Helios").await;
    let fee = invoice(
        &work,
        "2026-11-30",
        vec![line("Fee", dec!(900), SourceKind::BillingEvent, &["b"])],
    );
    books.faults(json!([{ "method": "POST", "path": "/record/v1/invoice", "fault": { "kind": "reset_before" }, "times": 1 }])).await;
    let failure = try_write(books.erp.invoices(), create("cut", fee))
        .await
        .unwrap_err();
    assert!(failure.is_unknown(), "{failure:?}");
    assert_eq!(
        books.erp.invoices().find(FindBy::EffectKey, "cut").await.unwrap(),
        []
    );
}

#[actix_web::test]
async fn a_job_that_is_not_done_in_time_is_doubt_and_goes_on_by_itself() {
    let slow = NetSuiteSettings {
        async_job_ms: 3_600_000,
        ..NetSuiteSettings::default()
    };
    let books = Books::with(slow).await;
    let work = books.engagement("Helios").await;
    let mut impatient = settings(&books.base, &books.secrets, None);
    impatient.limits.job_timeout_ms = 1;
    let erp = NetSuite::connect("erp/main", &impatient).unwrap();
    let entry = create("slow", time(&work, "2026-11-20", 60));
    let failure = try_write(erp.time_entries(), entry).await.unwrap_err();
    assert_eq!(
        (failure.code.as_str(), failure.is_unknown()),
        ("job_unfinished", true)
    );
    let found = erp.time_entries().find(FindBy::EffectKey, "slow").await.unwrap();
    assert_eq!(found.len(), 1);
}
