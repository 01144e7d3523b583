//! The port's suite over every collection.

use canonical_model::{CreditNote, Currency, RecordRef, Resource, SourceKind};
use rust_decimal::{Decimal, dec};
use system_ports::conformance::{Subject, check};
use system_ports::{Collection, ErpPort, Port, Verb};

use crate::{Books, account, closed, eur, expense, invoice, line, project, task, time, today, write};

async fn holds<T: Resource>(collection: &dyn Collection<T>, record: impl Fn(usize) -> T, refused: T) {
    let subject = Subject {
        collection,
        record: Box::new(record),
        refused: Some(refused),
        run: "1".to_owned(),
    };
    check(&subject).await.unwrap();
}

#[actix_web::test]
async fn masters_keep_the_promises_of_the_port() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let mut nowhere = account("Nowhere");
    nowhere.tax_registrations[0].number = "DE123456789".into();
    holds(erp.accounts(), |n| account(&format!("Customer {n}")), nowhere).await;
    holds(
        erp.projects(),
        |n| project(&format!("CON-{n}"), &work.account),
        project("BAD", "999999"),
    )
    .await;
    holds(
        erp.tasks(),
        |n| task(&format!("Task {n}"), &work.project),
        task("Bad", "999999"),
    )
    .await;
}

#[actix_web::test]
async fn work_and_documents_keep_the_promises_of_the_port() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let mut nobody = time(&work, 60);
    nobody.person = RecordRef::id("999999");
    let minutes = |n: usize| i64::try_from(n).unwrap() * 30;
    holds(erp.time_entries(), |n| time(&work, minutes(n)), nobody).await;
    let spent = |n: usize| eur(Decimal::from(n) + dec!(0.5));
    holds(
        erp.expenses(),
        |n| expense(&work, today(), spent(n)),
        expense(&work, closed(), eur(dec!(1))),
    )
    .await;
    let fee = |n: usize| {
        let source = SourceKind::BillingEvent;
        vec![line("Fee", Decimal::from(n * 100), source, &["b-1"])]
    };
    holds(
        erp.invoices(),
        |n| invoice(&work, today(), fee(n)),
        invoice(&work, closed(), fee(9)),
    )
    .await;
    let drafts = serde_json::json!([["state", "=", "draft"]]);
    assert_eq!(
        books.count("account.invoice", drafts).await,
        0,
        "what was refused left nothing behind"
    );
    let first = write(erp.invoices(), "to-correct", invoice(&work, today(), fee(50))).await;
    let credit = |invoice: &str, n: usize| CreditNote {
        number: None,
        account: RecordRef::id(&work.account),
        invoice: RecordRef::id(invoice),
        date: today(),
        currency: Currency::EUR,
        lines: fee(n),
        total: None,
    };
    holds(erp.credit_notes(), |n| credit(&first.id, n), credit("999999", 9)).await;
}

#[actix_web::test]
async fn what_is_read_only_or_absent_is_refused_as_declared() {
    let Some(books) = Books::open().await else { return };
    let erp = &books.erp;
    async fn reads<T: Resource>(collection: &dyn Collection<T>, sample: T) {
        let subject = Subject {
            collection,
            record: Box::new(move |_| sample.clone()),
            refused: None,
            run: "1".to_owned(),
        };
        check(&subject).await.unwrap();
        assert!(!collection.support().has(Verb::Write));
    }
    macro_rules! first {
        ($collection:expr) => {{
            let page = $collection
                .list(&canonical_model::ListQuery::default())
                .await
                .unwrap();
            page.items.into_iter().next().unwrap().data
        }};
    }
    reads(erp.legal_entities(), first!(erp.legal_entities())).await;
    reads(erp.periods(), first!(erp.periods())).await;
    reads(erp.tax_codes(), first!(erp.tax_codes())).await;
    reads(erp.fx_rates(), first!(erp.fx_rates())).await;
    reads(erp.people(), first!(erp.people())).await;
    reads(erp.roles(), first!(erp.roles())).await;
    erp.check_health().await.unwrap();
    let declared = erp.capabilities().collections;
    assert_eq!(declared.len(), 17);
    for absent in ["contracts", "assignments", "billing-schedules"] {
        let support = declared.iter().find(|c| c.collection == absent).unwrap();
        assert!(support.support.verbs.is_empty(), "{absent}");
    }
    let verbs = |name: &str| {
        let found = declared.iter().find(|c| c.collection == name).unwrap();
        found.support.verbs.clone()
    };
    assert!(verbs("expenses").contains(&Verb::Reverse));
    assert!(!verbs("time-entries").contains(&Verb::Reverse));
}
