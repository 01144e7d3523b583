//! The engine's fault suite over both processes, and feeds that tell changes late, twice and out of order.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use canonical_model::{CanonicalId, Invoice, Payment, Result};
use chrono::{DateTime, Utc};
use invoice_to_cash_process_api::invoice_feedback::{self, InvoiceFeedback};
use invoice_to_cash_process_api::payment_feedback::{self, PaymentFeedback};
use invoice_to_cash_process_api::services::Services;
use invoice_to_cash_process_api::{run, services, turns};
use persistence::{Database, args, outbox};
use process_engine::testing::{self, Scenario};
use process_engine::{Engine, EngineBuilder, Start};
use rust_decimal::dec;
use serde_json::Value;
use testkit::Issuer;

use crate::world::{ERP, World};

/// Longest that a test waits for everything to be done.
const PATIENCE: Duration = Duration::from_secs(90);

/// What both scenarios have in common.
struct Stage {
    issuer: Issuer,
    world: World,
    db: Mutex<Option<Database>>,
}

impl Stage {
    async fn set() -> Self {
        Self {
            issuer: Issuer::start().await,
            world: World::start(),
            db: Mutex::default(),
        }
    }

    async fn database(&self) -> Database {
        let folder = tempfile::Builder::new()
            .prefix("fairlead-test-")
            .tempdir()
            .unwrap()
            .keep();
        let migrations: Vec<_> = process_engine::MIGRATIONS
            .into_iter()
            .chain([turns::MIGRATION])
            .collect();
        let db = Database::sqlite_in(&folder, &migrations).await.unwrap();
        *self.db.lock().unwrap() = Some(db.clone());
        db
    }

    fn services(&self) -> Arc<Services> {
        self.world.set_up();
        let db = self.db.lock().unwrap().clone().unwrap();
        Arc::new(services(&self.world.settings(&self.issuer), db).unwrap())
    }
}

/// How often an event of a kind was told.
async fn told(db: &Database, kind: &'static str) -> usize {
    let page = db
        .read(|tx| Box::pin(async move { outbox::page(tx, "", 1000).await }))
        .await
        .unwrap();
    page.events.iter().filter(|event| event.kind == kind).count()
}

async fn turns_held(db: &Database) -> i64 {
    let rows = db
        .read(|tx| {
            Box::pin(async move {
                tx.one("SELECT COUNT(*) AS held FROM feedback_turns", args![])
                    .await
            })
        })
        .await
        .unwrap();
    rows.unwrap().int("held").unwrap()
}

/// An invoice that was made.
struct Billed(Stage);

#[async_trait]
impl Scenario for Billed {
    type Services = Services;

    async fn database(&self) -> Database {
        self.0.database().await
    }

    async fn services(&self) -> Arc<Services> {
        self.0.services()
    }

    fn define(&self, builder: EngineBuilder<Services>) -> EngineBuilder<Services> {
        builder.process(invoice_feedback::definition())
    }

    async fn start(&self, engine: &Engine<Services>) -> Result<CanonicalId> {
        let start = Start {
            process: invoice_feedback::NAME,
            business_key: "invoice erp/main 107 1",
            correlation_id: "fault-suite",
            state: &InvoiceFeedback::of(ERP, "107"),
        };
        Ok(engine.start(start).await?.instance_id)
    }

    async fn check_done(&self, _services: &Services, db: &Database, case: &str) {
        let world = &self.0.world;
        assert_eq!(
            world.shown(),
            [("INV-107".to_owned(), dec!(1190), dec!(0))],
            "{case}"
        );
        let expected = Some(("open".to_owned(), dec!(1500), dec!(595)));
        assert_eq!(world.standing(), expected, "{case}");
        assert_eq!(told(db, "invoice.changed").await, 1, "{case}");
        assert_eq!(
            turns_held(db).await,
            0,
            "{case}: the account's turn is free again"
        );
    }

    async fn check_undone(&self, _services: &Services, db: &Database, case: &str) {
        let world = &self.0.world;
        assert!(
            world.shown().len() <= 1,
            "{case}: what is shown is what the books say"
        );
        assert!(told(db, "invoice.changed").await <= 1, "{case}");
        // A turn is taken outside of the step's transaction, so one that is refused right after keeps it.
        let expected = i64::from(case.contains("taken back from take_turn"));
        assert_eq!(turns_held(db).await, expected, "{case}");
    }
}

#[actix_web::test]
async fn an_invoice_is_shown_once_whatever_goes_wrong() {
    let report = testing::run(&Billed(Stage::set().await)).await;
    assert!(report.crashes > 5 && report.lost_answers >= 4, "{report:?}");
}

/// A payment that came in.
struct Paid(Stage);

#[async_trait]
impl Scenario for Paid {
    type Services = Services;

    async fn database(&self) -> Database {
        self.0.database().await
    }

    async fn services(&self) -> Arc<Services> {
        let services = self.0.services();
        self.0.world.payment("55", "107", dec!(1190));
        services
    }

    fn define(&self, builder: EngineBuilder<Services>) -> EngineBuilder<Services> {
        builder.process(payment_feedback::definition())
    }

    async fn start(&self, engine: &Engine<Services>) -> Result<CanonicalId> {
        let start = Start {
            process: payment_feedback::NAME,
            business_key: "payment erp/main 55 1",
            correlation_id: "fault-suite",
            state: &PaymentFeedback::of(ERP, "55"),
        };
        Ok(engine.start(start).await?.instance_id)
    }

    async fn check_done(&self, _services: &Services, db: &Database, case: &str) {
        assert_eq!(told(db, "payment.received").await, 1, "{case}");
    }

    async fn check_undone(&self, _services: &Services, db: &Database, case: &str) {
        assert!(told(db, "payment.received").await <= 1, "{case}");
        assert_eq!(self.0.world.doubles.holdings().writes.len(), 0, "{case}");
    }
}

#[actix_web::test]
async fn a_payment_is_told_once_whatever_goes_wrong() {
    testing::run(&Paid(Stage::set().await)).await;
}

#[actix_web::test]
async fn changes_that_come_late_twice_and_out_of_order_end_in_what_the_books_say() {
    let (issuer, world) = (Issuer::start().await, World::start());
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let (first, later) = (at("2026-11-01T08:00:00Z"), at("2026-11-20T08:00:00Z"));
    world.doubles.tell::<Invoice>("erp", "107", later);
    world.invoice("107", dec!(1190), dec!(1190));
    world.payment("55", "107", dec!(1190));
    world.doubles.tell::<Payment>("erp", "55", later);
    // The older change after the newer one, and each once more.
    for stamp in [first, later, first] {
        world.doubles.tell::<Invoice>("erp", "107", stamp);
    }
    world.doubles.tell::<Invoice>("erp", "108", first);
    world.doubles.tell::<Payment>("erp", "55", later);

    let running = run(&world.settings(&issuer)).await.unwrap();
    let token = issuer.service_token("invoice-to-cash-process-api", &["processes:read"]);
    // Two changes of 107, one of 108, the payment, and 107 again because of it.
    let end = tokio::time::Instant::now() + PATIENCE;
    let all = loop {
        let page: Value = testkit::http()
            .get(format!("{}/v1/instances?limit=100", running.base_url))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let all = page["items"].as_array().unwrap().clone();
        let done = all
            .iter()
            .filter(|instance| instance["state"] == "completed")
            .count();
        if done >= 5 {
            break all;
        }
        assert!(tokio::time::Instant::now() < end, "not all is done: {all:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(all.len(), 5, "{all:?}");
    let expected = [
        ("INV-107".to_owned(), dec!(1190), dec!(1190)),
        ("INV-108".to_owned(), dec!(595), dec!(595)),
    ];
    assert_eq!(world.shown(), expected);
    assert_eq!(
        world.standing(),
        Some(("paid".to_owned(), dec!(1500), dec!(1785)))
    );
    running.stop().await;
}
