//! Starts and stops the API with everything that works behind it.

use std::sync::{Arc, OnceLock};

use canonical_model::{Assignment, Opportunity, Resource, SystemKind};
use chassis::{Api, RunningApi};
use egress::ClientSettings;
use persistence::Database;
use process_client::ControlClient;
use process_engine::Engine;
use process_serving::Served;
use process_serving::feed::{Fetch, Follower, Take, follow};
use system_client::{Remote, SystemClient};

use crate::routes::{contract, routes};
use crate::services::Services;
use crate::settings::Settings;
use crate::state::{MIGRATIONS, QuoteToProject};
use crate::systems::System;
use crate::{allocation, conversion, intake, unreadable};

/// What this API does at system APIs.
const SYSTEM_SCOPE: &str = "records:read records:write";
/// What this API does at control.
const CONTROL_SCOPE: &str =
    "accounts:match accounts:rule accounts:read references:read references:write ownership:check";

/// The API at work.
pub struct Running {
    /// Where it listens.
    pub base_url: String,
    api: RunningApi,
    engine: Engine<Services>,
    followers: Vec<Follower>,
}

impl Running {
    /// Ends requests, followers and steps in good order.
    pub async fn stop(self) {
        self.api.stop().await;
        for follower in self.followers {
            follower.stop().await;
        }
        self.engine.stop().await;
    }
}

/// Brings the database up to date.
///
/// # Errors
/// The database cannot be opened or changed.
pub async fn migrate(settings: &Settings) -> anyhow::Result<()> {
    open(settings).await.map(drop)
}

async fn open(settings: &Settings) -> anyhow::Result<Database> {
    let migrations: Vec<_> = process_engine::MIGRATIONS.into_iter().chain(MIGRATIONS).collect();
    Ok(Database::open(&settings.database, &migrations).await?)
}

/// Starts the API.
///
/// # Errors
/// The settings do not hold, the database cannot be opened, or the port is taken.
pub async fn run(settings: &Settings) -> anyhow::Result<Running> {
    let db = open(settings).await?;
    let services = services(settings, db.clone())?;
    let engine = start_engine(settings, &services).await?;
    let followers = followers(settings, &services, &engine);
    let served = Served {
        database: db.clone(),
        desk: engine.desk(),
    };
    let state = QuoteToProject {
        db,
        engine: engine.clone(),
        crm: services.crm.connection().to_owned(),
    };
    let api = Api {
        name: "quote-to-project-process-api",
        contract,
        routes,
        state,
    };
    let api = chassis::start_with(api, &settings.http, &settings.auth, served.extras())?;
    Ok(Running {
        base_url: api.base_url.clone(),
        api,
        engine,
        followers,
    })
}

/// What the steps work with.
///
/// # Errors
/// The settings do not hold.
pub fn services(settings: &Settings, db: Database) -> anyhow::Result<Services> {
    let circuits = settings.engine.circuits();
    let system = |kind: SystemKind, address: &ClientSettings, connection: &str| -> anyhow::Result<System> {
        let authorizer = settings
            .identity
            .authorizer(system_client::audience(kind), SYSTEM_SCOPE)?;
        let client = SystemClient::new(kind, address, authorizer)?.guarded_by(circuits.clone());
        Ok(System::new(kind, Arc::new(client), connection))
    };
    let (systems, routing) = (&settings.systems, &settings.routing);
    let authorizer = settings
        .identity
        .authorizer("control-process-api", CONTROL_SCOPE)?;
    Ok(Services {
        crm: system(SystemKind::Crm, &systems.crm, &routing.crm)?,
        erp: system(SystemKind::Erp, &systems.erp, &routing.erp)?,
        psa: system(SystemKind::Psa, &systems.psa, &routing.psa)?,
        control: ControlClient::new(&settings.processes.control, authorizer)?,
        routing: routing.clone(),
        ownership: settings.ownership.load()?,
        deals: settings.deals.clone(),
        terms: settings.terms.clone(),
        circuits: circuits.clone(),
        db,
        engine: Arc::new(OnceLock::new()),
    })
}

async fn start_engine(settings: &Settings, services: &Services) -> anyhow::Result<Engine<Services>> {
    let engine = Engine::builder(
        services.db.clone(),
        Arc::new(services.clone()),
        settings.engine.clone(),
    )
    .source("/process/quote-to-project")
    .circuits(services.circuits.clone())
    .around(|correlation_id, work| Box::pin(egress::with_correlation(correlation_id, work)))
    .process(conversion::definition())
    .process(allocation::definition())
    .process(unreadable::definition())
    .start()
    .await?;
    // A step that needs the engine before this is set is tried again.
    let _first = services.engine.set(engine.clone());
    Ok(engine)
}

fn followers(settings: &Settings, services: &Services, engine: &Engine<Services>) -> Vec<Follower> {
    let (crm, psa) = (
        services.crm.connection().to_owned(),
        services.psa.connection().to_owned(),
    );
    let deals = settings.deals.clone();
    let (of_deals, of_assignments) = (engine.clone(), engine.clone());
    let take_deal: Take<Opportunity> = Arc::new(move |tx, change| {
        let (engine, crm, deals) = (of_deals.clone(), crm.clone(), deals.clone());
        Box::pin(async move { intake::deal_changed(&engine, tx, &crm, change, &deals).await })
    });
    let take_assignment: Take<Assignment> = Arc::new(move |tx, change| {
        let (engine, psa) = (of_assignments.clone(), psa.clone());
        Box::pin(async move { intake::assignment_changed(&engine, tx, &psa, change).await })
    });
    let (db, feeds) = (&services.db, &settings.feeds);
    vec![
        follow(
            db.clone(),
            feed_name::<Opportunity>(&services.crm),
            feeds.deals.clone(),
            fetch(&services.crm),
            take_deal,
        ),
        follow(
            db.clone(),
            feed_name::<Assignment>(&services.psa),
            feeds.assignments.clone(),
            fetch(&services.psa),
            take_assignment,
        ),
    ]
}

fn feed_name<T: Resource>(system: &System) -> String {
    format!("{} {}", system.connection(), T::PATH)
}

fn fetch<T: Resource>(system: &System) -> Fetch<T> {
    let remote: Remote<T> = system.collection();
    Arc::new(move |cursor, limit| {
        let remote = remote.clone();
        Box::pin(async move { remote.changes(cursor.as_deref(), limit).await })
    })
}
