//! Starts and stops the API with everything that works behind it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use canonical_model::{Expense, Milestone, Resource, SystemKind, TimeEntry};
use chassis::{Api, RunningApi};
use egress::ClientSettings;
use persistence::Database;
use process_client::{ControlClient, EventQuery, ProcessClient};
use process_engine::{Desk, Engine, EngineBuilder};
use process_serving::Served;
use process_serving::event_feed::{EventFollower, FetchEvents, TakeEvents, follow_events};
use process_serving::feed::{FeedSettings, Fetch, Follower, Take, TakePage, follow, follow_pages};
use system_client::{Remote, SystemClient};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::dispatch::Dispatcher;
use crate::intake::{self, Source};
use crate::routes::{contract, routes};
use crate::services::Services;
use crate::settings::Settings;
use crate::state::{Feeds, MIGRATIONS, TimeToInvoice};
use crate::systems::Systems;
use crate::{billing, correction, facts, posting, reversal, sweep};

/// What this API does at system APIs.
const SYSTEM_SCOPE: &str = "records:read records:write";
/// What this API does at control.
const CONTROL_SCOPE: &str = "references:read references:write";
/// What this API does at quote-to-project.
const EVENTS_SCOPE: &str = "events:read";
/// How long quote-to-project may wait for an event before it answers that there is none.
const EVENT_WAIT_MS: u64 = 20_000;

/// The API at work.
pub struct Running {
    /// Where it listens.
    pub base_url: String,
    api: RunningApi,
    engine: Engine<Services>,
    followers: Vec<Follower>,
    facts: EventFollower,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Running {
    /// Its instances and exceptions, for a program that runs it.
    #[must_use]
    pub fn desk(&self) -> Desk {
        self.engine.desk()
    }

    /// Ends requests, followers and steps in good order.
    pub async fn stop(self) {
        self.api.stop().await;
        self.stop.cancel();
        self.tasks.close();
        for follower in self.followers {
            follower.stop().await;
        }
        self.facts.stop().await;
        self.tasks.wait().await;
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

pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Database> {
    let migrations: Vec<_> = process_engine::MIGRATIONS.into_iter().chain(MIGRATIONS).collect();
    Ok(Database::open(&settings.database, &migrations).await?)
}

/// Starts the API.
///
/// # Errors
/// The settings do not hold, the database cannot be opened, or the port is taken.
pub async fn run(settings: &Settings) -> anyhow::Result<Running> {
    let db = open(settings).await?;
    let services = Arc::new(services(settings, db.clone())?);
    let engine = start_engine(settings, &services).await?;
    let psa = format!("psa/{}", settings.routing.psa);
    let (followers, feeds) = followers(settings, &services, &engine, &psa)?;
    let facts = follow_facts(settings, db.clone())?;
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    let dispatcher = Dispatcher {
        services: Arc::clone(&services),
        engine: engine.clone(),
        psa: psa.clone(),
        intake: settings.intake.clone(),
    };
    dispatcher.start(settings, &tasks, &stop);
    let served = Served {
        database: db.clone(),
        desk: engine.desk(),
    };
    let state = TimeToInvoice {
        db,
        engine: engine.clone(),
        psa,
        feeds,
    };
    let api = Api {
        name: "time-to-invoice-process-api",
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
        facts,
        tasks,
        stop,
    })
}

/// What steps work with, as the settings say.
///
/// # Errors
/// The settings name something that is not there.
pub fn services(settings: &Settings, db: Database) -> anyhow::Result<Services> {
    let circuits = settings.engine.circuits();
    let system = |kind: SystemKind, address: &ClientSettings| -> anyhow::Result<SystemClient> {
        let authorizer = settings
            .identity
            .authorizer(system_client::audience(kind), SYSTEM_SCOPE)?;
        Ok(SystemClient::new(kind, address, authorizer)?.guarded_by(circuits.clone()))
    };
    let (erp, psa) = (
        system(SystemKind::Erp, &settings.systems.erp)?,
        system(SystemKind::Psa, &settings.systems.psa)?,
    );
    let authorizer = settings
        .identity
        .authorizer("control-process-api", CONTROL_SCOPE)?;
    Ok(Services {
        systems: Systems::new(erp, psa, Duration::from_secs(settings.posting.believe_s)),
        control: ControlClient::new(&settings.processes.control, authorizer)?,
        routing: settings.routing.clone(),
        posting: settings.posting.clone(),
        billing: settings.billing.clone(),
        circuits: circuits.clone(),
        db,
        waiting: Arc::new(Notify::new()),
        engine: Arc::new(OnceLock::new()),
    })
}

/// The engine with this API's processes.
pub(crate) fn engine(settings: &Settings, services: &Arc<Services>) -> EngineBuilder<Services> {
    Engine::builder(services.db.clone(), Arc::clone(services), settings.engine.clone())
        .source("/process/time-to-invoice")
        .circuits(services.circuits.clone())
        .around(|correlation_id, work| Box::pin(egress::with_correlation(correlation_id, work)))
        .process(posting::process::definition())
        .process(billing::process::definition())
        .process(reversal::process::definition())
        .process(correction::definition())
        .process(sweep::definition())
}

async fn start_engine(settings: &Settings, services: &Arc<Services>) -> anyhow::Result<Engine<Services>> {
    let engine = engine(settings, services).start().await?;
    // A step that needs the engine before this is set is tried again.
    let _first = services.engine.set(engine.clone());
    Ok(engine)
}

fn followers(
    settings: &Settings,
    services: &Arc<Services>,
    engine: &Engine<Services>,
    psa: &str,
) -> anyhow::Result<(Vec<Follower>, Feeds)> {
    let intake = &settings.intake;
    let time_entries = follow_work::<TimeEntry>(services, psa, &intake.time_entries)?;
    let expenses = follow_work::<Expense>(services, psa, &intake.expenses)?;
    let milestones = follow(
        services.db.clone(),
        feed_name::<Milestone>(psa),
        intake.milestones.clone(),
        fetch(services.systems.collection::<Milestone>(psa)?),
        take_milestones(engine, psa),
    );
    let feeds = Feeds {
        time_entries: time_entries.waker(),
        expenses: expenses.waker(),
        milestones: milestones.waker(),
    };
    Ok((vec![time_entries, expenses, milestones], feeds))
}

/// What takes milestones in.
pub(crate) fn take_milestones(engine: &Engine<Services>, psa: &str) -> Take<Milestone> {
    let (engine, connection) = (engine.clone(), psa.to_owned());
    Arc::new(move |tx, change| {
        let (engine, connection) = (engine.clone(), connection.clone());
        Box::pin(async move {
            let now = canonical_model::clock::now();
            billing::start::milestone_changed(&engine, tx, &connection, change, now).await
        })
    })
}

fn follow_work<T: Source>(
    services: &Arc<Services>,
    psa: &str,
    settings: &FeedSettings,
) -> anyhow::Result<Follower> {
    let remote = services.systems.collection::<T>(psa)?;
    Ok(follow_pages(
        services.db.clone(),
        feed_name::<T>(psa),
        settings.clone(),
        fetch(remote),
        take_work(services, psa),
    ))
}

/// What takes time or expenses in.
pub(crate) fn take_work<T: Source>(services: &Arc<Services>, psa: &str) -> TakePage<T> {
    let (connection, waiting) = (psa.to_owned(), Arc::clone(&services.waiting));
    Arc::new(move |tx, changes| {
        let (connection, waiting) = (connection.clone(), Arc::clone(&waiting));
        Box::pin(async move {
            tx.after_commit(move || waiting.notify_one());
            intake::take_page(tx, &connection, changes).await
        })
    })
}

pub(crate) fn feed_name<T: Resource>(connection: &str) -> String {
    format!("{connection} {}", T::PATH)
}

pub(crate) fn fetch<T: Resource>(remote: Remote<T>) -> Fetch<T> {
    Arc::new(move |cursor, limit| {
        let remote = remote.clone();
        Box::pin(async move { remote.changes(cursor.as_deref(), limit).await })
    })
}

fn follow_facts(settings: &Settings, db: Database) -> anyhow::Result<EventFollower> {
    let name = "quote-to-project-process-api";
    let authorizer = settings.identity.authorizer(name, EVENTS_SCOPE)?;
    let client = ProcessClient::new(name, &settings.processes.quote_to_project, authorizer)?;
    let fetch: FetchEvents = Arc::new(move |after| {
        let client = client.clone();
        Box::pin(async move {
            let query = EventQuery {
                after,
                limit: None,
                wait_ms: Some(EVENT_WAIT_MS),
            };
            client.events(&query).await
        })
    });
    let take: TakeEvents = Arc::new(|tx, events| Box::pin(facts::take_in(tx, events)));
    Ok(follow_events(
        db,
        "events quote-to-project",
        fetch,
        take,
        Arc::new(|| {}),
    ))
}
