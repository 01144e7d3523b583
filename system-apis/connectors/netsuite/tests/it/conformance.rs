//! The port's suite over every collection that is written.

use canonical_model::{
    Assignment, AssignmentState, BillingEvent, BillingMethod, BillingSchedule, Contract, CreditNote,
    Currency, Minutes, Money, RecordRef, Resource, SourceKind,
};
use rust_decimal::{Decimal, dec};
use system_ports::conformance::{Subject, check};
use system_ports::{Collection, ErpPort, Port, Verb};

use crate::{
    ANNA, Books, CONSULTANT, Engagement, GERMANY, account, day, eur, expense, invoice, line, project, task,
    time, write,
};

const CLOSED: &str = "2026-03-02";

async fn holds<T: Resource>(collection: &dyn Collection<T>, record: impl Fn(usize) -> T, refused: T) {
    let subject = Subject {
        collection,
        record: Box::new(record),
        refused: Some(refused),
        run: "1".to_owned(),
    };
    check(&subject).await.unwrap();
}

fn contract(engagement: &Engagement, n: usize) -> Contract {
    Contract {
        name: format!("Contract {n}"),
        account: RecordRef::id(&engagement.account),
        opportunity: None,
        project: Some(RecordRef::id(&engagement.project)),
        legal_entity: Some(RecordRef::id(GERMANY)),
        billing_method: BillingMethod::FixedFee,
        currency: Currency::EUR,
        amount: eur(dec!(5000)),
        cap: Some(eur(dec!(6000))),
        purchase_order: Some("PO-1".into()),
        rate_card: None,
        start_date: day("2026-10-01"),
        end_date: Some(day("2027-03-31")),
        signature_date: Some(day("2026-09-20")),
    }
}

fn assignment(engagement: &Engagement, n: usize) -> Assignment {
    Assignment {
        project: RecordRef::id(&engagement.project),
        person: Some(RecordRef::id(ANNA)),
        role: Some(RecordRef::id(CONSULTANT)),
        start_date: day("2026-12-01"),
        end_date: day("2026-12-31"),
        minutes: Minutes::new(600 + i64::try_from(n).unwrap() * 30),
        state: AssignmentState::Confirmed,
    }
}

fn schedule(engagement: &Engagement, n: usize) -> BillingSchedule {
    BillingSchedule {
        name: format!("Schedule {n}"),
        project: RecordRef::id(&engagement.project),
        method: BillingMethod::Milestone,
        events: vec![BillingEvent {
            description: "Concept".into(),
            date: day("2026-12-01"),
            amount: eur(dec!(2500)),
            milestone: None,
        }],
    }
}

#[actix_web::test]
async fn masters_keep_the_promises_of_the_port() {
    let books = Books::open().await;
    let erp = &books.erp;
    let engagement = books.engagement("Helios").await;
    let nobody = canonical_model::Account {
        legal_entity: None,
        ..account("Nobody")
    };
    holds(erp.accounts(), |n| account(&format!("Customer {n}")), nobody).await;
    holds(
        erp.projects(),
        |n| project(&format!("CON-{n}"), &engagement.account),
        project("BAD", "999999"),
    )
    .await;
    holds(
        erp.tasks(),
        |n| task(&format!("Task {n}"), &engagement.project),
        task("Bad", "999999"),
    )
    .await;
    let unknown = Contract {
        account: RecordRef::id("999999"),
        ..contract(&engagement, 9)
    };
    holds(erp.contracts(), |n| contract(&engagement, n), unknown).await;
    let empty_seat = Assignment {
        person: None,
        ..assignment(&engagement, 9)
    };
    holds(erp.assignments(), |n| assignment(&engagement, n), empty_seat).await;
    let dollars = BillingSchedule {
        events: vec![BillingEvent {
            amount: Money::new(Decimal::ONE, Currency::USD),
            ..schedule(&engagement, 9).events[0].clone()
        }],
        ..schedule(&engagement, 9)
    };
    holds(erp.billing_schedules(), |n| schedule(&engagement, n), dollars).await;
}

#[actix_web::test]
async fn work_and_documents_keep_the_promises_of_the_port() {
    let books = Books::open().await;
    let erp = &books.erp;
    let work = books.engagement("Helios").await;
    let minutes = |n: usize| i64::try_from(n).unwrap() * 30;
    holds(
        erp.time_entries(),
        |n| time(&work, "2026-11-20", minutes(n)),
        time(&work, CLOSED, 60),
    )
    .await;
    let spent = |n: usize| eur(Decimal::from(n) + dec!(0.5));
    holds(
        erp.expenses(),
        |n| expense(&work, "2026-11-20", spent(n)),
        expense(&work, CLOSED, eur(dec!(1))),
    )
    .await;
    let fee = |n: usize| {
        vec![line(
            "Fee",
            Decimal::from(n * 100),
            SourceKind::BillingEvent,
            &["b-1"],
        )]
    };
    holds(
        erp.invoices(),
        |n| invoice(&work, "2026-11-30", fee(n)),
        invoice(&work, CLOSED, fee(9)),
    )
    .await;
    let first = write(
        erp.invoices(),
        "to-correct",
        invoice(&work, "2026-11-30", fee(50)),
    )
    .await;
    let credit = |invoice: &str, n: usize| CreditNote {
        number: None,
        account: RecordRef::id(&work.account),
        invoice: RecordRef::id(invoice),
        date: day("2026-11-30"),
        currency: Currency::EUR,
        lines: fee(n),
        total: None,
    };
    holds(erp.credit_notes(), |n| credit(&first.id, n), credit("999999", 9)).await;
}

#[actix_web::test]
async fn what_is_read_only_is_refused_as_declared() {
    let books = Books::open().await;
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
    let time = declared.iter().find(|c| c.collection == "time-entries").unwrap();
    assert_eq!(time.support.bulk_size, 100);
}
