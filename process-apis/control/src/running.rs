//! Starts and stops the API with everything that works behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use chassis::{Api, RunningApi};
use persistence::{Database, MIGRATIONS as COMMON};
use process_client::ProcessClient;
use process_serving::event_feed::EventFollower;

use crate::follow::follow_all;
use crate::routes::{contract, routes};
use crate::settings::Settings;
use crate::state::{Control, MIGRATIONS};

/// What control does at process APIs.
const SCOPE: &str = "processes:read processes:write events:read";

/// The API at work.
pub struct Running {
    /// Where it listens.
    pub base_url: String,
    api: RunningApi,
    followers: Vec<EventFollower>,
}

impl Running {
    /// Ends requests and followers in good order.
    pub async fn stop(self) {
        self.api.stop().await;
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
    let control = Control {
        database,
        processes: Arc::new(processes),
        ownership: Arc::new(settings.ownership.load()?),
    };
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
    })
}
