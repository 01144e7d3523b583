//! Starts and stops the API with everything that works behind it.

use std::sync::Arc;
use std::time::Duration;

use canonical_model::SystemKind;
use chassis::{Api, RunningApi};
use persistence::{Cipher, Database, MIGRATIONS};
use process_client::ProcessClient;
use process_serving::event_feed::EventFollower;
use system_client::{Circuits, SystemClient};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::book::Book;
use crate::follow::{RateSources, follow_facts, refresh_rates};
use crate::routes::{contract, routes};
use crate::settings::Settings;
use crate::state::Insight;
use crate::store;

/// The API at work.
pub struct Running {
    /// Where it listens.
    pub base_url: String,
    api: RunningApi,
    followers: Vec<EventFollower>,
    stop: CancellationToken,
    rates: JoinHandle<()>,
}

impl Running {
    /// Ends requests and followers in good order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.api.stop().await;
        for follower in self.followers {
            follower.stop().await;
        }
        if let Err(error) = self.rates.await {
            tracing::error!(%error, "reading rates ended abnormally");
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
    let migrations: Vec<_> = MIGRATIONS.into_iter().chain([store::MIGRATION]).collect();
    Ok(Database::open(&settings.database, &migrations).await?)
}

/// Starts the API.
///
/// # Errors
/// The settings do not hold, the database cannot be opened, cost rates cannot be decrypted, or the port is taken.
pub async fn run(settings: &Settings) -> anyhow::Result<Running> {
    let database = open(settings).await?;
    let cipher = Arc::new(Cipher::new(&settings.costs.encryption_key.resolve()?)?);
    let book = Book::open(&database, &cipher).await?;
    let stop = CancellationToken::new();
    let rates = tokio::spawn(refresh_rates(
        rate_sources(settings)?,
        database.clone(),
        cipher,
        book.clone(),
        Duration::from_secs(settings.costs.refresh_s),
        stop.clone(),
    ));
    let followers = follow_processes(settings, &database, &book)?;
    let state = Insight {
        database,
        book,
        posting_hours: settings.sla.posting_hours,
    };
    let api = Api {
        name: "insight-process-api",
        contract,
        routes,
        state,
    };
    let api = chassis::start(api, &settings.http, &settings.auth)?;
    Ok(Running {
        base_url: api.base_url.clone(),
        api,
        followers,
        stop,
        rates,
    })
}

fn rate_sources(settings: &Settings) -> anyhow::Result<RateSources> {
    let erp = settings.identity.authorizer("erp-system-api", "records:read")?;
    let psa = settings
        .identity
        .authorizer("psa-system-api", "records:read cost-rates:read")?;
    Ok(RateSources {
        erp: SystemClient::new(SystemKind::Erp, &settings.systems.erp, erp)?.guarded_by(Circuits::default()),
        psa: SystemClient::new(SystemKind::Psa, &settings.systems.psa, psa)?.guarded_by(Circuits::default()),
        routing: settings.routing.clone(),
    })
}

fn follow_processes(
    settings: &Settings,
    database: &Database,
    book: &Book,
) -> anyhow::Result<Vec<EventFollower>> {
    let processes = [
        ("quote-to-project", &settings.processes.quote_to_project),
        ("time-to-invoice", &settings.processes.time_to_invoice),
        ("invoice-to-cash", &settings.processes.invoice_to_cash),
    ];
    let mut followers = Vec::with_capacity(processes.len());
    for (name, client_settings) in processes {
        let binary = format!("{name}-process-api");
        let authorizer = settings.identity.authorizer(&binary, "events:read")?;
        let client = ProcessClient::new(&binary, client_settings, authorizer)?;
        followers.push(follow_facts(database, book, name, client));
    }
    Ok(followers)
}
