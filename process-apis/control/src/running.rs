//! Starts and stops the API with everything that works behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use canonical_model::{CanonicalId, SystemKind};
use chassis::{Api, RunningApi};
use egress::ClientSettings;
use persistence::{Database, MIGRATIONS as COMMON};
use process_client::{ProcessClient, TimeToInvoiceClient};
use process_serving::event_feed::EventFollower;
use system_client::{Circuits, SystemClient};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::follow::follow_all;
use crate::heads;
use crate::reconciliation::{Sides, Wake, Worker, run_workers};
use crate::routes::{contract, routes};
use crate::settings::Settings;
use crate::state::{Control, MIGRATIONS};

/// What control does at process APIs.
const SCOPE: &str = "processes:read processes:write events:read";
/// What it does at the journal of time-to-invoice.
const JOURNAL_SCOPE: &str = "postings:read";
/// What it does at system APIs.
const SYSTEM_SCOPE: &str = "records:read";

/// The API at work.
pub struct Running {
    /// Where it listens.
    pub base_url: String,
    api: RunningApi,
    followers: Vec<EventFollower>,
    workers: Vec<JoinHandle<()>>,
    stop: CancellationToken,
}

impl Running {
    /// Ends requests and followers in good order.
    pub async fn stop(self) {
        self.api.stop().await;
        self.stop.cancel();
        for worker in self.workers {
            if let Err(error) = worker.await {
                tracing::error!(%error, "a worker ended abnormally");
            }
        }
        for follower in self.followers {
            follower.stop().await;
        }
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
    let migrations: Vec<_> = COMMON.into_iter().chain(MIGRATIONS).collect();
    Ok(Database::open(&settings.database, &migrations).await?)
}

/// Starts the API.
///
/// # Errors
/// The settings do not hold, the database cannot be opened, or the port is taken.
pub async fn run(settings: &Settings) -> anyhow::Result<Running> {
    let database = open(settings).await?;
    let mut processes = BTreeMap::new();
    for (name, client_settings) in settings.processes.all() {
        let binary = format!("{name}-process-api");
        let authorizer = settings.identity.authorizer(&binary, SCOPE)?;
        processes.insert(name, ProcessClient::new(&binary, client_settings, authorizer)?);
    }
    let wake = Wake::default();
    let worker = Worker {
        sides: sides(settings, &database)?,
        database: database.clone(),
        wake: wake.clone(),
        name: CanonicalId::generate().to_string(),
    };
    let control = Control {
        database,
        processes: Arc::new(processes),
        ownership: Arc::new(settings.ownership.load()?),
        audit_key: settings.audit.key()?,
        reconciliation: Arc::new(settings.reconciliation.clone()),
        wake,
    };
    let stop = CancellationToken::new();
    let mut workers = run_workers(&worker, &stop);
    let (db, key) = (control.database.clone(), control.audit_key.clone());
    workers.push(tokio::spawn(heads::keep(
        db,
        key,
        settings.audit.head_every_s,
        stop.clone(),
    )));
    let followers = follow_all(&control);
    let api = Api {
        name: "control-process-api",
        contract,
        routes,
        state: control,
    };
    let api = chassis::start(api, &settings.http, &settings.auth)?;
    Ok(Running {
        base_url: api.base_url.clone(),
        api,
        followers,
        workers,
        stop,
    })
}

/// The sides that are compared.
fn sides(settings: &Settings, database: &Database) -> anyhow::Result<Sides> {
    let system = |kind: SystemKind, address: &ClientSettings| -> anyhow::Result<SystemClient> {
        let authorizer = settings
            .identity
            .authorizer(system_client::audience(kind), SYSTEM_SCOPE)?;
        Ok(SystemClient::new(kind, address, authorizer)?.guarded_by(Circuits::default()))
    };
    let journal = settings
        .identity
        .authorizer("time-to-invoice-process-api", JOURNAL_SCOPE)?;
    Ok(Sides {
        erp: system(SystemKind::Erp, &settings.systems.erp)?,
        psa: system(SystemKind::Psa, &settings.systems.psa)?,
        journal: TimeToInvoiceClient::new(&settings.processes.time_to_invoice, journal)?,
        database: database.clone(),
        settings: settings.reconciliation.clone(),
    })
}
