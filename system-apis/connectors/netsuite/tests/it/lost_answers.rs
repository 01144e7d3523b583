//! NetSuite commits and the answer is lost: the outcome is unknown, our key finds the one record, and sending the same
//! write again makes no second one.

use canonical_model::{
    Assignment, AssignmentState, BillingMethod, BillingSchedule, Contract, CreditNote, Currency, FindBy,
    Minutes, RecordRef, Resource, SourceKind,
};
use netsuite_connector::NetSuite;
use rust_decimal::dec;
use serde_json::json;
use system_ports::{Collection, ErpPort};
use vendor_twins::netsuite::NetSuiteSettings;

use crate::{
    ANNA, Books, GERMANY, account, create, day, eur, expense, invoice, line, project, settings, task, time,
    try_write, write,
};

/// Loses the answer of the next write to a record type.
async fn lose_next(books: &Books, method: &str, object: &str) {
    let path = format!("/record/v1/{object}");
    books
        .faults(json!([{ "method": method, "path": path, "fault": { "kind": "reset_after" }, "times": 1 }]))
        .await;
}

async fn is_found_once<T: Resource>(books: &Books, collection: &dyn Collection<T>, object: &str, record: T) {
    let before = books.created(object).await;
    let key = format!("lost-{object}");
    for kind in ["PUT", "POST"] {
        let one_of = collection.support().idempotency;
        let posts = one_of == system_ports::Idempotency::UniqueField;
        if posts == (kind == "POST") {
            lose_next(books, kind, object).await;
        }
    }
    let failure = try_write(collection, create(&key, record.clone()))
        .await
        .unwrap_err();
    assert!(
        failure.is_unknown() && failure.is_transient(),
        "{object}: {failure:?}"
    );
    assert_eq!(books.fired().await, [1], "{object}");
    let found = collection.find(FindBy::EffectKey, &key).await.unwrap();
    assert_eq!(found.len(), 1, "{object}: {found:?}");
    assert_eq!(found[0].effect_key.as_deref(), Some(key.as_str()));
    let again = write(collection, &key, record).await;
    assert_eq!(again.id, found[0].id, "{object}");
    assert_eq!(books.created(object).await, before + 1, "{object}");
    assert_eq!(
        collection.find(FindBy::EffectKey, "never-sent").await.unwrap(),
        []
    );
}

#[actix_web::test]
async fn one_write_of_each_kind_is_found_by_its_key() {
    let books = Books::open().await;
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let (account_id, project_id) = (RecordRef::id(&work.account), RecordRef::id(&work.project));
    is_found_once(&books, erp.accounts(), "customer", account("Lost")).await;
    is_found_once(&books, erp.projects(), "job", project("LOST-1", &work.account)).await;
    is_found_once(&books, erp.tasks(), "projectTask", task("Lost", &work.project)).await;
    let order = Contract {
        name: "Lost".into(),
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
    is_found_once(&books, erp.contracts(), "salesOrder", order).await;
    let plan = Assignment {
        project: project_id.clone(),
        person: Some(RecordRef::id(ANNA)),
        role: None,
        start_date: day("2026-12-01"),
        end_date: day("2026-12-31"),
        minutes: Minutes::new(600),
        state: AssignmentState::Tentative,
    };
    is_found_once(&books, erp.assignments(), "resourceAllocation", plan).await;
    let schedule = BillingSchedule {
        name: "Lost".into(),
        project: project_id,
        method: BillingMethod::TimeAndMaterials,
        events: Vec::new(),
    };
    is_found_once(&books, erp.billing_schedules(), "billingSchedule", schedule).await;
    is_found_once(
        &books,
        erp.time_entries(),
        "timeBill",
        time(&work, "2026-11-20", 90),
    )
    .await;
    is_found_once(
        &books,
        erp.expenses(),
        "expenseReport",
        expense(&work, "2026-11-20", eur(dec!(12.5))),
    )
    .await;
    let fee = || vec![line("Fee", dec!(900), SourceKind::BillingEvent, &["b"])];
    is_found_once(
        &books,
        erp.invoices(),
        "invoice",
        invoice(&work, "2026-11-30", fee()),
    )
    .await;
    let open = write(erp.invoices(), "corrected", invoice(&work, "2026-11-30", fee())).await;
    let credit = CreditNote {
        number: None,
        account: account_id,
        invoice: RecordRef::id(open.id),
        date: day("2026-11-30"),
        currency: Currency::EUR,
        lines: fee(),
        total: None,
    };
    is_found_once(&books, erp.credit_notes(), "creditMemo", credit).await;
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
