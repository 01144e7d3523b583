//! The engine's fault suite over both processes, and feeds that tell changes late, twice and out of order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use canonical_model::{
    Account, Assignment, AssignmentState, BillingSchedule, CanonicalId, Contract, Milestone, MilestoneState,
    Opportunity, Project, ProjectStatus, ResourceRequest, ResourceRequestState, Result, Task,
};
use chrono::{DateTime, Utc};
use persistence::{Database, args, outbox};
use process_engine::testing::{self, Scenario};
use process_engine::{Engine, EngineBuilder, Start};
use quote_to_project_process_api::allocation::process::KnownProject;
use quote_to_project_process_api::allocation::store::{self, LastWritten};
use quote_to_project_process_api::allocation::{self, AllocationSync};
use quote_to_project_process_api::conversion::{self, Conversion};
use quote_to_project_process_api::state::MIGRATIONS;
use quote_to_project_process_api::{Services, run, services};
use serde_json::Value;
use testkit::Issuer;

use crate::world::{CRM, PSA, World, assignment, scope};

/// Longest that a test waits for everything to be done.
const PATIENCE: Duration = Duration::from_secs(90);

/// What all scenarios have in common.
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
        let migrations: Vec<_> = process_engine::MIGRATIONS.into_iter().chain(MIGRATIONS).collect();
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

/// How often each kind of event was told, decisions and effects aside.
async fn told(db: &Database) -> BTreeMap<String, usize> {
    let page = db
        .read(|tx| Box::pin(async move { outbox::page(tx, "", 1000).await }))
        .await
        .unwrap();
    let mut told = BTreeMap::new();
    for event in page.events {
        let ours = ["effect.", "decision.", "exception."];
        if !ours.iter().any(|prefix| event.kind.starts_with(prefix)) {
            *told.entry(event.kind).or_insert(0) += 1;
        }
    }
    told
}

fn counted(told: &[(&str, usize)]) -> BTreeMap<String, usize> {
    told.iter()
        .map(|(kind, count)| ((*kind).to_owned(), *count))
        .collect()
}

/// A deal that is won.
struct Won(Stage);

impl Won {
    /// How many records of each kind we made: in CRM, ERP, PSA.
    fn made(&self) -> Vec<(&'static str, [usize; 3])> {
        let holdings = self.0.world.doubles.holdings();
        macro_rules! count {
            ($($kind:ty),*) => {
                vec![$((
                    stringify!($kind),
                    ["crm", "erp", "psa"].map(|system| holdings.ours::<$kind>(system).len()),
                )),*]
            };
        }
        count![
            Account,
            Contract,
            Project,
            Task,
            Milestone,
            BillingSchedule,
            ResourceRequest
        ]
    }

    fn deal(&self) -> Opportunity {
        self.0.world.doubles.holdings().one("crm", "006")
    }

    fn states(&self) -> (Vec<ProjectStatus>, Vec<MilestoneState>, Vec<ResourceRequestState>) {
        let holdings = self.0.world.doubles.holdings();
        let projects = ["psa", "erp"]
            .into_iter()
            .flat_map(|system| holdings.ours::<Project>(system));
        let milestones = holdings.ours::<Milestone>("psa").into_iter();
        let requests = holdings.ours::<ResourceRequest>("psa").into_iter();
        (
            projects.map(|project| project.status).collect(),
            milestones.map(|milestone| milestone.state).collect(),
            requests.map(|request| request.state).collect(),
        )
    }

    /// The deal in the CRM names the project, and the account its customer.
    fn everybody_knows(&self, case: &str) {
        let deal = self.deal();
        assert_eq!(deal.project_status.as_deref(), Some("active"), "{case}");
        let holdings = self.0.world.doubles.holdings();
        let projects = holdings.all::<Project>("psa");
        assert_eq!(&deal.project.unwrap().id, projects[0].0, "{case}");
        let linked = |collection: &str, id: &str, system: &str| {
            let place = ("crm".to_owned(), collection.to_owned());
            holdings.records[&place][id].links.get(system).cloned()
        };
        assert_eq!(
            linked("opportunities", "006", "psa").as_ref(),
            Some(projects[0].0),
            "{case}"
        );
        let customers = holdings.all::<Account>("erp");
        assert_eq!(
            linked("accounts", "001", "erp").as_ref(),
            Some(customers[0].0),
            "{case}"
        );
    }
}

#[async_trait]
impl Scenario for Won {
    type Services = Services;

    async fn database(&self) -> Database {
        self.0.database().await
    }

    async fn services(&self) -> Arc<Services> {
        self.0.services()
    }

    fn define(&self, builder: EngineBuilder<Services>) -> EngineBuilder<Services> {
        builder.process(conversion::definition())
    }

    async fn start(&self, engine: &Engine<Services>) -> Result<CanonicalId> {
        let start = Start {
            process: conversion::NAME,
            business_key: "crm/main 006",
            correlation_id: "fault-suite",
            state: &Conversion::of(CRM, "006"),
        };
        Ok(engine.start(start).await?.instance_id)
    }

    async fn check_done(&self, _services: &Services, db: &Database, case: &str) {
        let expected = vec![
            ("Account", [0, 1, 1]),
            ("Contract", [1, 1, 0]),
            ("Project", [0, 1, 1]),
            ("Task", [0, 2, 2]),
            ("Milestone", [0, 0, 2]),
            ("BillingSchedule", [0, 1, 0]),
            ("ResourceRequest", [0, 0, 2]),
        ];
        assert_eq!(self.made(), expected, "{case}");
        let (projects, milestones, requests) = self.states();
        assert_eq!(projects, [ProjectStatus::Active; 2], "{case}");
        assert_eq!(milestones, [MilestoneState::Planned; 2], "{case}");
        assert_eq!(requests, [ResourceRequestState::Open; 2], "{case}");
        self.everybody_knows(case);
        let expected = counted(&[
            ("contract.agreed", 1),
            ("deal.won", 1),
            ("project.activated", 1),
            ("staffing.requested", 2),
        ]);
        assert_eq!(told(db).await, expected, "{case}");
    }

    async fn check_undone(&self, _services: &Services, _db: &Database, case: &str) {
        // A step that came to no end is not taken back; whoever takes the rest back sees on the desk what it wrote.
        let from = |step: &str| case.contains(&format!("taken back from {step},"));
        let (projects, milestones, requests) = self.states();
        let of_project = |status: &ProjectStatus| {
            let unfinished = from("create_project_in_psa") || from("create_project_in_erp");
            *status == ProjectStatus::Closed || (unfinished && *status == ProjectStatus::Planned)
        };
        assert!(projects.iter().all(of_project), "{case}: {projects:?}");
        let planned = |state: &MilestoneState| *state == MilestoneState::Planned;
        assert!(
            from("create_milestones") || !milestones.iter().any(planned),
            "{case}"
        );
        let open = |state: &ResourceRequestState| *state == ResourceRequestState::Open;
        assert!(from("request_staffing") || !requests.iter().any(open), "{case}");
        assert_ne!(self.deal().project_status.as_deref(), Some("active"), "{case}");
        let too_many = self
            .made()
            .into_iter()
            .filter(|(_, counts)| counts.iter().any(|count| *count > 2));
        assert_eq!(too_many.count(), 0, "{case}");
    }
}

#[actix_web::test]
async fn a_won_deal_is_one_staffed_project_whatever_goes_wrong() {
    let report = testing::run(&Won(Stage::set().await)).await;
    assert!(report.crashes > 40 && report.lost_answers > 30, "{report:?}");
}

/// Planned time of a person: newly confirmed, or withdrawn after it had been shown.
struct Planned {
    stage: Stage,
    withdrawn: bool,
}

#[async_trait]
impl Scenario for Planned {
    type Services = Services;

    async fn database(&self) -> Database {
        self.stage.database().await
    }

    async fn services(&self) -> Arc<Services> {
        let services = self.stage.services();
        let (doubles, withdrawn) = (&self.stage.world.doubles, self.withdrawn);
        let known = KnownProject {
            scope: scope(),
            crm: (CRM.to_owned(), "006".to_owned()),
            erp: ("erp/main".to_owned(), Some("900".to_owned())),
        };
        if !withdrawn {
            doubles.put("psa", "a1", &assignment("31", 40));
        }
        let db = self.stage.db.lock().unwrap().clone().unwrap();
        db.write(move |tx| {
            Box::pin(async move {
                store::note_project(tx, PSA, "31", &known).await?;
                if withdrawn {
                    let shown = LastWritten {
                        assignment: assignment("31", 40),
                        shown: true,
                        forecasted: Some(assignment("900", 40)),
                    };
                    let owner = CanonicalId::generate();
                    store::take_turn(tx, "psa/main a1", owner).await?;
                    store::remember(tx, "psa/main a1", &shown).await?;
                    store::give_turn(tx, "psa/main a1", owner).await?;
                }
                Ok(())
            })
        })
        .await
        .unwrap();
        services
    }

    fn define(&self, builder: EngineBuilder<Services>) -> EngineBuilder<Services> {
        builder.process(allocation::definition())
    }

    async fn start(&self, engine: &Engine<Services>) -> Result<CanonicalId> {
        let start = Start {
            process: allocation::NAME,
            business_key: "psa/main a1 1",
            correlation_id: "fault-suite",
            state: &AllocationSync::of(PSA, "a1", "2026-11-01T08:00:00Z".parse().unwrap()),
        };
        Ok(engine.start(start).await?.instance_id)
    }

    async fn check_done(&self, _services: &Services, db: &Database, case: &str) {
        let (state, hours) = if self.withdrawn {
            (AssignmentState::Cancelled, 0)
        } else {
            (AssignmentState::Confirmed, 40)
        };
        for system in ["crm", "erp"] {
            let found = self.stage.world.doubles.holdings().ours::<Assignment>(system);
            assert_eq!(found.len(), 1, "{case}: {system}");
            assert_eq!(found[0].state, state, "{case}: {system}");
            let project = if system == "crm" { "006" } else { "900" };
            assert_eq!(found[0].project.id, project, "{case}");
            if system == "erp" {
                assert_eq!(found[0].minutes.count(), hours * 60, "{case}");
            }
        }
        assert_eq!(told(db).await, counted(&[("assignment.changed", 1)]), "{case}");
        assert_eq!(turns_held(db).await, 0, "{case}");
    }

    async fn check_undone(&self, _services: &Services, db: &Database, case: &str) {
        for system in ["crm", "erp"] {
            assert!(
                self.stage
                    .world
                    .doubles
                    .holdings()
                    .ours::<Assignment>(system)
                    .len()
                    <= 1,
                "{case}"
            );
        }
        // A turn is taken outside of the step's transaction, so one that is refused right after keeps it.
        let expected = i64::from(case.contains("taken back from take_turn,"));
        assert_eq!(turns_held(db).await, expected, "{case}");
    }
}

async fn turns_held(db: &Database) -> i64 {
    let sql = "SELECT COUNT(*) AS held FROM allocations WHERE holder IS NOT NULL";
    let row = db
        .read(move |tx| Box::pin(async move { tx.one(sql, args![]).await }))
        .await
        .unwrap();
    row.unwrap().int("held").unwrap()
}

#[actix_web::test]
async fn planned_time_is_shown_and_forecast_once_whatever_goes_wrong() {
    for withdrawn in [false, true] {
        let stage = Stage::set().await;
        let report = testing::run(&Planned { stage, withdrawn }).await;
        assert!(report.crashes > 5 && report.lost_answers >= 4, "{report:?}");
    }
}

#[actix_web::test]
async fn changes_that_come_late_twice_and_out_of_order_end_in_what_is_true() {
    let (issuer, world) = (Issuer::start().await, World::start());
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let (first, later) = (at("2026-11-01T08:00:00Z"), at("2026-11-02T08:00:00Z"));
    for stamp in [later, first, later] {
        world.doubles.tell::<Opportunity>("crm", "006", stamp);
    }
    let running = run(&world.settings(&issuer)).await.unwrap();
    let token = issuer.service_token("quote-to-project-process-api", &["processes:read"]);
    let end = tokio::time::Instant::now() + PATIENCE;
    let done = async |process: &str, count: usize| {
        loop {
            let page: Value = testkit::http()
                .get(format!(
                    "{}/v1/instances?process={process}&limit=100",
                    running.base_url
                ))
                .bearer_auth(&token)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            let all = page["items"].as_array().unwrap().clone();
            if all
                .iter()
                .filter(|instance| instance["state"] == "completed")
                .count()
                >= count
            {
                return all.len();
            }
            assert!(tokio::time::Instant::now() < end, "not all is done: {all:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert_eq!(
        done(conversion::NAME, 1).await,
        1,
        "one deal, however often it is told"
    );
    let project = world.doubles.holdings().all::<Project>("psa")[0].0.clone();

    // Planned, planned anew, and told in the wrong order, the last of them twice.
    world.plan("a1", &project, 40);
    world.doubles.tell::<Assignment>("psa", "a1", later);
    world.plan("a1", &project, 24);
    for stamp in [first, later, later] {
        world.doubles.tell::<Assignment>("psa", "a1", stamp);
    }
    assert_eq!(done(allocation::NAME, 3).await, 3, "each change once");
    for system in ["crm", "erp"] {
        let found = world.doubles.holdings().ours::<Assignment>(system);
        assert_eq!(found.len(), 1, "{system}");
        assert_eq!(
            found[0].minutes.count(),
            24 * 60,
            "{system}: what the PSA says now"
        );
    }
    assert_eq!(world.doubles.holdings().ours::<Project>("psa").len(), 1);
    running.stop().await;
}
