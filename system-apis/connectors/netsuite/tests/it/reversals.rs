//! What takes a posted record out of the books again: only where the account is known to take it.

use canonical_model::{Expense, Minutes, RecordRef, TimeEntry};
use netsuite_connector::{EXAMPLE, NetSuite, Settings};
use rust_decimal::dec;
use system_ports::{Collection, ErpPort, Verb};
use vendor_twins::netsuite::NetSuiteSettings;

use crate::{Books, create, eur, expense, oauth2, time, try_write, write};

/// A connection to the account that declares reversals.
fn reversing(books: &Books) -> NetSuite {
    let mut table: toml::Table = toml::from_str(EXAMPLE).unwrap();
    table.insert("base_url".into(), books.base.clone().into());
    table.insert("auth".into(), oauth2(&books.secrets).into());
    for work in ["time", "expense"] {
        let section = table.get_mut(work).unwrap().as_table_mut().unwrap();
        section.insert("reversals".into(), true.into());
    }
    let settings: Settings = table.try_into().unwrap();
    NetSuite::connect("erp/main", &settings).unwrap()
}

fn reversal_of_time(entry: &TimeEntry, id: &str) -> TimeEntry {
    TimeEntry {
        minutes: Minutes::new(-entry.minutes.count()),
        reverses: Some(RecordRef::id(id)),
        ..entry.clone()
    }
}

fn reversal_of_expense(spent: &Expense, id: &str) -> Expense {
    Expense {
        amount: eur(-spent.amount.amount),
        reverses: Some(RecordRef::id(id)),
        ..spent.clone()
    }
}

/// What a write is refused with.
async fn refused<T: canonical_model::Resource>(collection: &dyn Collection<T>, record: T) -> String {
    let outcome = try_write(collection, create("refused-reversal", record)).await;
    outcome.unwrap_err().code
}

#[actix_web::test]
async fn a_reversal_leaves_no_hours_and_no_money_and_names_what_it_reverses() {
    let books = Books::open().await;
    let work = books.engagement("Helios").await;
    let erp = reversing(&books);
    assert!(erp.time_entries().support().has(Verb::Reverse));
    assert!(erp.expenses().support().has(Verb::Reverse));

    let hours = time(&work, "2026-11-20", 450);
    let posted = write(erp.time_entries(), "posted", hours.clone()).await;
    let reversal = reversal_of_time(&hours, &posted.id);
    let first = write(erp.time_entries(), "reversal", reversal.clone()).await;
    let again = write(erp.time_entries(), "reversal", reversal).await;
    assert_eq!(first.id, again.id, "one reversal for one key");
    let found = erp.time_entries().read(&first.id).await.unwrap().data;
    assert_eq!(found.minutes, Minutes::new(-450));
    assert_eq!(found.reverses.map(|r| r.id), Some(posted.id));
    assert_eq!(books.record("timeBill", &first.id).await["hours"], "-7:30");

    let spent = expense(&work, "2026-11-20", eur(dec!(83.45)));
    let posted = write(erp.expenses(), "spent", spent.clone()).await;
    let reversal = reversal_of_expense(&spent, &posted.id);
    let reversed = write(erp.expenses(), "unspent", reversal).await;
    let found = erp.expenses().read(&reversed.id).await.unwrap().data;
    assert_eq!(found.amount, eur(dec!(-83.45)));
    assert_eq!(found.reverses.map(|r| r.id), Some(posted.id));
}

#[actix_web::test]
async fn an_account_that_is_not_known_to_take_reversals_is_not_asked() {
    let books = Books::open().await;
    let work = books.engagement("Helios").await;
    assert!(!books.erp.time_entries().support().has(Verb::Reverse));
    let hours = time(&work, "2026-11-20", 450);
    let posted = write(books.erp.time_entries(), "posted", hours.clone()).await;
    let (before, reversal) = (
        books.created("timeBill").await,
        reversal_of_time(&hours, &posted.id),
    );
    assert_eq!(
        refused(books.erp.time_entries(), reversal).await,
        "capability_absent"
    );
    let spent = expense(&work, "2026-11-20", eur(dec!(83.45)));
    let reversal = reversal_of_expense(&spent, "1-1");
    assert_eq!(refused(books.erp.expenses(), reversal).await, "capability_absent");
    assert_eq!(books.created("timeBill").await, before);
}

#[actix_web::test]
async fn an_account_that_takes_no_negative_time_refuses_the_reversal_for_good() {
    let books = Books::with(NetSuiteSettings {
        take_negative_time: false,
        ..NetSuiteSettings::default()
    })
    .await;
    let work = books.engagement("Helios").await;
    let erp = reversing(&books);
    let hours = time(&work, "2026-11-20", 450);
    let posted = write(erp.time_entries(), "posted", hours.clone()).await;
    let reversal = reversal_of_time(&hours, &posted.id);
    assert_eq!(refused(erp.time_entries(), reversal).await, "invalid_value");
}
