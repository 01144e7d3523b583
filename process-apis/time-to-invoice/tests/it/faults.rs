//! The engine's fault suite over each process of this API: whatever goes wrong, everything happens once.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use canonical_model::{
    BillingMethod, BillingRunRequest, CanonicalId, ContractAgreed, Minutes, Result, SourceKind, TimeEntry,
};
use chrono::Utc;
use persistence::Database;
use process_engine::testing::{self, Scenario};
use process_engine::{Engine, EngineBuilder, Start};
use rust_decimal::dec;
use testkit::Issuer;
use time_to_invoice_process_api::billing::start::{self, Occasion};
use time_to_invoice_process_api::correction::{self, Correction};
use time_to_invoice_process_api::line::{LineState, Work};
use time_to_invoice_process_api::news::{Arrival, News};
use time_to_invoice_process_api::posting::process::Batch;
use time_to_invoice_process_api::reversal::process::{self as reversing, Reversal};
use time_to_invoice_process_api::store::desk::Unreadable;
use time_to_invoice_process_api::store::listing::{self, Filter};
use time_to_invoice_process_api::store::{billing as runs, contracts, intake, posting as lines, reversal};
use time_to_invoice_process_api::{MIGRATIONS, Services, billing, posting, services};

use crate::records::{contract, euros, hours};
use crate::world::World;

const PSA: &str = "psa/main";

/// What all scenarios have in common: systems that are set up anew for each case, and the database of the case.
struct Stage {
    issuer: Issuer,
    world: World,
    agreed: ContractAgreed,
    db: Mutex<Option<Database>>,
}

impl Stage {
    async fn set() -> Self {
        let issuer = Issuer::start().await;
        Self {
            world: World::start(&issuer).await,
            issuer,
            agreed: contract(CanonicalId::generate(), BillingMethod::TimeAndMaterials, &[]),
            db: Mutex::default(),
        }
    }

    async fn database(&self) -> Database {
        let folder = tempfile::Builder::new()
            .prefix("fairlead-test-")
            .tempdir()
            .unwrap()
            .keep();
        let migrations: Vec<_> = process_engine::MIGRATIONS.into_iter().chain(MIGRATIONS).collect();
        let db = Database::sqlite_in(&folder, &migrations).await.unwrap();
        *self.db.lock().unwrap() = Some(db.clone());
        db
    }

    async fn services(&self) -> Arc<Services> {
        self.world.reset();
        self.world.set_up(&self.agreed);
        let db = self.db.lock().unwrap().clone().unwrap();
        let agreed = self.agreed.clone();
        db.write(move |tx| Box::pin(async move { contracts::agree(tx, &agreed).await }))
            .await
            .unwrap();
        Arc::new(services(&self.world.settings(&self.issuer), db).unwrap())
    }

    /// Takes approved entries in and gives them to a batch, once.
    async fn batch(&self, entries: Vec<TimeEntry>) -> u64 {
        let db = self.db.lock().unwrap().clone().unwrap();
        let arrivals = entries.into_iter().enumerate().map(|(n, entry)| Arrival {
            source_id: format!("{}", n + 1),
            changed_at: Utc::now(),
            news: News::Approved(Box::new(Work::Time(entry))),
        });
        let arrivals: Vec<_> = arrivals.collect();
        for arrival in &arrivals {
            if let News::Approved(work) = &arrival.news
                && let Work::Time(entry) = &**work
            {
                self.world.change(&arrival.source_id, Some(entry.clone()));
            }
        }
        db.write(move |tx| {
            Box::pin(async move {
                intake::take_in(tx, PSA, SourceKind::TimeEntry, arrivals, Utc::now()).await?;
                lines::claim(tx, &group(), "batch", 100, Utc::now()).await
            })
        })
        .await
        .unwrap()
    }

    fn written(&self, collection: &str) -> usize {
        let systems = self.world.systems();
        systems.written.keys().filter(|(of, _)| of == collection).count()
    }
}

fn group() -> lines::Group {
    lines::Group {
        connection: PSA.to_owned(),
        kind: SourceKind::TimeEntry,
        project: "31".to_owned(),
    }
}

async fn states(db: &Database) -> Vec<LineState> {
    let lines = db
        .read(|tx| Box::pin(async move { listing::list(tx, &Filter::default(), None, 100).await }))
        .await
        .unwrap();
    lines.into_iter().map(|line| line.state).collect()
}

async fn begin<S: serde::Serialize + Sync>(
    engine: &Engine<Services>,
    process: &str,
    business_key: &str,
    state: &S,
) -> Result<CanonicalId> {
    let start = Start {
        process,
        business_key,
        correlation_id: "fault-suite",
        state,
    };
    Ok(engine.start(start).await?.instance_id)
}

/// Two sound lines and one whose note is too long.
struct Posting(Stage);

#[async_trait]
impl Scenario for Posting {
    type Services = Services;

    async fn database(&self) -> Database {
        self.0.database().await
    }

    async fn services(&self) -> Arc<Services> {
        let services = self.0.services().await;
        let mut wordy = hours("31", "2026-11-05");
        wordy.note = Some("word ".repeat(300));
        let entries = vec![hours("31", "2026-11-03"), hours("31", "2026-11-04"), wordy];
        assert_eq!(self.0.batch(entries).await, 3);
        services
    }

    fn define(&self, builder: EngineBuilder<Services>) -> EngineBuilder<Services> {
        builder.process(posting::process::definition())
    }

    async fn start(&self, engine: &Engine<Services>) -> Result<CanonicalId> {
        let batch = Batch::new(group(), 3, Some(euros(dec!(3600))));
        begin(engine, posting::process::NAME, "batch", &batch).await
    }

    async fn check_done(&self, _services: &Services, db: &Database, case: &str) {
        let expected = [LineState::Posted, LineState::Posted, LineState::Excepted];
        assert_eq!(states(db).await, expected, "{case}");
        assert_eq!(self.0.written("time-entries"), 2, "{case}");
        assert_eq!(self.0.world.systems().marks.len(), 2, "{case}");
    }

    async fn check_undone(&self, _services: &Services, db: &Database, case: &str) {
        let states = states(db).await;
        // A batch that ends before its first step is tidied up after by the dispatcher.
        let before_all = case.contains("take_lines");
        assert!(
            before_all || !states.contains(&LineState::Posting),
            "{case}: {states:?}"
        );
        assert!(self.0.written("time-entries") <= 2, "{case}");
    }
}

#[actix_web::test]
async fn a_batch_is_posted_once_whatever_goes_wrong() {
    let report = testing::run(&Posting(Stage::set().await)).await;
    assert!(report.crashes > 5 && report.lost_answers > 2, "{report:?}");
}

impl Stage {
    /// Takes entries in, gives them to a batch and books them.
    async fn book(&self, entries: Vec<TimeEntry>) {
        let count = u64::try_from(entries.len()).unwrap();
        assert_eq!(self.batch(entries).await, count);
        let (db, project) = (
            self.db.lock().unwrap().clone().unwrap(),
            self.agreed.scope.project_id,
        );
        db.write(move |tx| {
            Box::pin(async move {
                let booked = lines::batch_lines(tx, "batch").await?;
                let booked = booked.into_iter().map(|line| lines::Booked {
                    id: line.id,
                    erp_id: format!("e{}", line.source_id),
                    charge: line.work.charge(),
                    billed_as: line.work,
                });
                let place = lines::Place {
                    erp_connection: "erp/main".to_owned(),
                    erp_project_id: "900".to_owned(),
                    project_id: project,
                    legal_entity: "de".to_owned(),
                };
                lines::book(tx, &place, &booked.collect::<Vec<_>>(), Utc::now()).await
            })
        })
        .await
        .unwrap();
    }
}

/// Two posted lines of one project, asked to be billed.
struct Billing(Stage);

impl Billing {
    /// Lines on an invoice, and lines that another run could charge.
    async fn charged_and_free(&self, db: &Database) -> (usize, u64) {
        let lines = db
            .read(|tx| Box::pin(async move { listing::list(tx, &Filter::default(), None, 100).await }))
            .await
            .unwrap();
        let charged = lines.iter().filter(|line| line.invoice.is_some()).count();
        let (project, through) = (self.0.agreed.scope.project_id, "2026-11-30".parse().unwrap());
        let free = db
            .write(move |tx| Box::pin(runs::claim_lines(tx, CanonicalId::generate(), project, through)))
            .await
            .unwrap();
        (charged, free)
    }
}

#[async_trait]
impl Scenario for Billing {
    type Services = Services;

    async fn database(&self) -> Database {
        self.0.database().await
    }

    async fn services(&self) -> Arc<Services> {
        let services = self.0.services().await;
        let entries = vec![hours("31", "2026-11-03"), hours("31", "2026-11-04")];
        self.0.book(entries).await;
        services
    }

    fn define(&self, builder: EngineBuilder<Services>) -> EngineBuilder<Services> {
        builder.process(billing::process::definition())
    }

    async fn start(&self, engine: &Engine<Services>) -> Result<CanonicalId> {
        let (db, project) = (
            self.0.db.lock().unwrap().clone().unwrap(),
            self.0.agreed.scope.project_id,
        );
        let request = BillingRunRequest {
            up_to: "2026-11-30".parse().unwrap(),
            date: None,
            billing_method: None,
            legal_entity: None,
            project_id: Some(project),
        };
        let (of_engine, occasion) = (engine.clone(), Occasion::by_itself(Utc::now()));
        let begun = db
            .write(move |tx| {
                Box::pin(async move { start::requested(&of_engine, tx, &request, &occasion).await })
            })
            .await?;
        match begun.instance_id {
            Some(id) => Ok(id),
            // Asked again, it finds nothing: the first run has claimed everything.
            None => Ok(engine.instances(Default::default()).await?.items[0].id),
        }
    }

    async fn check_done(&self, _services: &Services, db: &Database, case: &str) {
        assert_eq!(self.0.written("invoices"), 1, "{case}");
        assert_eq!(self.charged_and_free(db).await, (2, 0), "{case}");
        let references = &self.0.world.systems().references;
        assert_eq!(
            references.iter().filter(|r| r.resource == "invoice").count(),
            1,
            "{case}"
        );
    }

    async fn check_undone(&self, _services: &Services, db: &Database, case: &str) {
        let expected = match self.0.written("invoices") {
            // A run that ends before its first step is tidied up after by the dispatcher.
            0 if case.contains("take_claims") => (0, 0),
            0 => (0, 2),
            _ => (2, 0),
        };
        assert_eq!(self.charged_and_free(db).await, expected, "{case}");
    }
}

#[actix_web::test]
async fn posted_work_is_charged_once_whatever_goes_wrong() {
    let report = testing::run(&Billing(Stage::set().await)).await;
    assert!(report.crashes > 5 && report.lost_answers > 1, "{report:?}");
}

/// A change that could not be read, and can be by now.
struct Correcting(Stage);

#[async_trait]
impl Scenario for Correcting {
    type Services = Services;

    async fn database(&self) -> Database {
        self.0.database().await
    }

    async fn services(&self) -> Arc<Services> {
        let services = self.0.services().await;
        let failure = canonical_model::Failure::business("unknown_currency", "\"XXQ\" is no currency");
        let db = self.0.db.lock().unwrap().clone().unwrap();
        db.write(move |tx| {
            Box::pin(async move {
                intake::set_aside(tx, PSA, SourceKind::TimeEntry, "9", &failure, Utc::now()).await
            })
        })
        .await
        .unwrap();
        self.0.world.change("9", Some(hours("31", "2026-11-03")));
        services
    }

    fn define(&self, builder: EngineBuilder<Services>) -> EngineBuilder<Services> {
        builder.process(correction::definition())
    }

    async fn start(&self, engine: &Engine<Services>) -> Result<CanonicalId> {
        let (_, case) = Correction::of_unreadable(&Unreadable {
            connection: PSA.to_owned(),
            kind: SourceKind::TimeEntry,
            source_id: "9".to_owned(),
            failure: canonical_model::Failure::business("unknown_currency", "\"XXQ\" is no currency"),
            changed_at: Utc::now(),
        });
        begin(engine, correction::NAME, "9", &case).await
    }

    async fn check_done(&self, _services: &Services, db: &Database, case: &str) {
        assert_eq!(states(db).await, [LineState::Queued], "{case}");
    }

    async fn check_undone(&self, _services: &Services, db: &Database, case: &str) {
        assert!(states(db).await.len() <= 1, "{case}");
    }
}

#[actix_web::test]
async fn a_change_that_can_be_read_again_is_taken_in_once() {
    let report = testing::run(&Correcting(Stage::set().await)).await;
    assert!(report.crashes > 0, "{report:?}");
}

/// A posted line of eight hours that the PSA says something else of by now.
struct Reversing {
    stage: Stage,
    /// It is charged on an invoice.
    invoiced: bool,
    /// What the PSA says: seven hours, or that it lost its approval.
    edited: bool,
}

impl Reversing {
    async fn set(invoiced: bool, edited: bool) -> Self {
        Self {
            stage: Stage::set().await,
            invoiced,
            edited,
        }
    }

    fn now(&self) -> News {
        if !self.edited {
            return News::NotApproved;
        }
        let mut shorter = hours("31", "2026-11-03");
        shorter.minutes = Minutes::new(420);
        News::Approved(Box::new(Work::Time(shorter)))
    }

    /// Charges the line on an invoice that the ERP has.
    async fn charge(&self, db: &Database) {
        let project = self.stage.agreed.scope.project_id;
        db.write(move |tx| {
            Box::pin(async move {
                let (run, through) = (CanonicalId::generate(), "2026-11-30".parse().unwrap());
                assert_eq!(runs::claim_lines(tx, run, project, through).await?, 1);
                runs::invoiced(tx, run, "erp/main/invoice-1", Some("N1"), Utc::now()).await
            })
        })
        .await
        .unwrap();
        let invoice = serde_json::json!({
            "_id": "invoice-1", "account": { "id": "12" }, "date": "2026-11-05", "currency": "EUR", "lines": [],
            "status": "open",
        });
        let place = ("invoices".to_owned(), "of-the-test".to_owned());
        self.stage.world.systems().written.insert(place, invoice);
    }

    /// What is written besides the invoice.
    fn documents(&self) -> (usize, usize) {
        (
            self.stage.written("time-entries"),
            self.stage.written("credit-notes"),
        )
    }
}

/// Minutes of all lines by state, and their sum: what the PSA has approved, once nothing is being reversed.
async fn minutes(db: &Database) -> (Vec<(LineState, i64)>, i64) {
    let lines = db
        .read(|tx| Box::pin(async move { listing::list(tx, &Filter::default(), None, 100).await }))
        .await
        .unwrap();
    let by_state: Vec<_> = lines
        .iter()
        .map(|line| (line.state, line.minutes.count()))
        .collect();
    let sum = by_state.iter().map(|(_, minutes)| minutes).sum();
    (by_state, sum)
}

#[async_trait]
impl Scenario for Reversing {
    type Services = Services;

    async fn database(&self) -> Database {
        self.stage.database().await
    }

    async fn services(&self) -> Arc<Services> {
        let services = self.stage.services().await;
        self.stage.book(vec![hours("31", "2026-11-03")]).await;
        let db = self.stage.db.lock().unwrap().clone().unwrap();
        if self.invoiced {
            self.charge(&db).await;
        }
        let arrival = Arrival {
            source_id: "1".to_owned(),
            changed_at: Utc::now(),
            news: self.now(),
        };
        db.write(move |tx| {
            Box::pin(async move {
                intake::take_in(tx, PSA, SourceKind::TimeEntry, vec![arrival], Utc::now()).await
            })
        })
        .await
        .unwrap();
        services
    }

    fn define(&self, builder: EngineBuilder<Services>) -> EngineBuilder<Services> {
        builder.process(reversing::definition())
    }

    async fn start(&self, engine: &Engine<Services>) -> Result<CanonicalId> {
        let (db, of_engine) = (self.stage.db.lock().unwrap().clone().unwrap(), engine.clone());
        db.write(move |tx| {
            Box::pin(async move {
                for changed in reversal::tell_news(tx, 10).await? {
                    let (key, case) = Reversal::of(&changed);
                    assert!(reversal::take_in_hand(tx, changed.line.id, &key, Utc::now()).await?);
                    let start = Start {
                        process: reversing::NAME,
                        business_key: &key,
                        correlation_id: "fault-suite",
                        state: &case,
                    };
                    of_engine.start_in(tx, start).await?;
                }
                Ok(())
            })
        })
        .await?;
        // Asked again, it finds nothing: the line is in hand.
        Ok(engine.instances(Default::default()).await?.items[0].id)
    }

    async fn check_done(&self, _services: &Services, db: &Database, case: &str) {
        let (mut lines, sum) = minutes(db).await;
        lines.sort();
        let mut expected = vec![(LineState::Reversed, -480), (LineState::Reversed, 480)];
        if self.edited {
            expected.insert(0, (LineState::Queued, 420));
        }
        expected.sort();
        assert_eq!(lines, expected, "{case}");
        assert_eq!(sum, if self.edited { 420 } else { 0 }, "{case}");
        assert_eq!(self.documents(), (1, usize::from(self.invoiced)), "{case}");
        let mark = self.stage.world.systems().marks.get("1").cloned();
        assert_eq!(mark.as_deref(), (!self.edited).then_some("-"), "{case}");
    }

    async fn check_undone(&self, _services: &Services, db: &Database, case: &str) {
        let (lines, _) = minutes(db).await;
        let standing = lines.contains(&(LineState::Posted, 480));
        match self.documents() {
            // What ends before its first step is tidied up after by the dispatcher.
            (0, 0) if case.contains("look_again") => {
                assert!(
                    standing || lines == [(LineState::Reversing, 480)],
                    "{case}: {lines:?}"
                );
            }
            (0, _) => assert!(standing, "{case}: {lines:?}"),
            _ => assert!(lines.contains(&(LineState::Reversed, -480)), "{case}: {lines:?}"),
        }
    }
}

#[actix_web::test]
async fn an_edit_after_posting_is_reversed_and_posted_anew_once_whatever_goes_wrong() {
    let report = testing::run(&Reversing::set(false, true).await).await;
    assert!(report.crashes > 5 && report.lost_answers > 1, "{report:?}");
}

#[actix_web::test]
async fn an_invoiced_line_is_credited_and_reversed_once_whatever_goes_wrong() {
    let report = testing::run(&Reversing::set(true, false).await).await;
    assert!(report.crashes > 5 && report.lost_answers > 3, "{report:?}");
}
