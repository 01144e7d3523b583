//! Starts and stops the API with everything that works behind it.

use std::sync::Arc;

use canonical_model::SystemKind;
use chassis::{Api, RunningApi};
use persistence::Database;
use process_client::{ControlClient, InsightClient};
use process_engine::Engine;
use process_serving::Served;
use process_serving::feed::Follower;
use system_client::SystemClient;

use crate::feeds::follow_erps;
use crate::routes::{contract, routes};
use crate::services::Services;
use crate::settings::Settings;
use crate::state::InvoiceToCash;
use crate::{invoice_feedback, payment_feedback, turns};

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
    let migrations: Vec<_> = process_engine::MIGRATIONS
        .into_iter()
        .chain([turns::MIGRATION])
        .collect();
    Ok(Database::open(&settings.database, &migrations).await?)
}

/// Starts the API.
///
/// # Errors
/// The settings do not hold, the database cannot be opened, or the port is taken.
pub async fn run(settings: &Settings) -> anyhow::Result<Running> {
    let database = open(settings).await?;
    let services = services(settings, database.clone())?;
    let (erp, circuits) = (services.erp.clone(), services.circuits.clone());
    let engine = Engine::builder(database.clone(), Arc::new(services), settings.engine.clone())
        .source("/process/invoice-to-cash")
        .circuits(circuits)
        .around(|correlation_id, work| Box::pin(egress::with_correlation(correlation_id, work)))
        .process(invoice_feedback::definition())
        .process(payment_feedback::definition())
        .start()
        .await?;
    let followers = follow_erps(&database, &engine, &erp, &settings.routing.erps, &settings.feeds);
    let erps = settings
        .routing
        .erps
        .iter()
        .map(|name| format!("erp/{name}"))
        .collect();
    let served = Served {
        database: database.clone(),
        desk: engine.desk(),
    };
    let state = InvoiceToCash {
        database,
        engine: engine.clone(),
        erps,
    };
    let api = Api {
        name: "invoice-to-cash-process-api",
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
pub fn services(settings: &Settings, database: Database) -> anyhow::Result<Services> {
    let identity = &settings.identity;
    let circuits = settings.engine.circuits();
    let crm = identity.authorizer("crm-system-api", "records:read records:write")?;
    let erp = identity.authorizer("erp-system-api", "records:read")?;
    let control = identity.authorizer("control-process-api", "references:read")?;
    let insight = identity.authorizer("insight-process-api", "insight:read costs:read")?;
    Ok(Services {
        circuits: circuits.clone(),
        database,
        erp: SystemClient::new(SystemKind::Erp, &settings.systems.erp, erp)?.guarded_by(circuits.clone()),
        crm: SystemClient::new(SystemKind::Crm, &settings.systems.crm, crm)?.guarded_by(circuits.clone()),
        control: ControlClient::new(&settings.processes.control, control)?,
        insight: InsightClient::new(&settings.processes.insight, insight)?,
        crm_connection: settings.routing.crm.as_str().into(),
        wait_for_insight_s: settings.accounts.wait_for_insight_s,
    })
}
