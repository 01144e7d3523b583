//! Starts and stops the API.

use chassis::{Api, Extras, RunningApi};
use process_client::InsightClient;

use crate::routes::{contract, routes};
use crate::settings::Settings;
use crate::state::Portal;

/// The API at work.
pub struct Running {
    /// Where it listens.
    pub base_url: String,
    api: RunningApi,
}

impl Running {
    /// Ends requests in good order.
    pub async fn stop(self) {
        self.api.stop().await;
    }
}

/// Starts the API.
///
/// # Errors
/// The settings do not hold, or the port is taken.
pub async fn run(settings: &Settings) -> anyhow::Result<Running> {
    let authorizer = settings
        .identity
        .authorizer("insight-process-api", "insight:read")?;
    let insight = InsightClient::new(&settings.processes.insight, authorizer)?;
    let api = Api {
        name: "client-portal-experience-api",
        contract,
        routes,
        state: Portal { insight },
    };
    let extras = Extras {
        sessions: Some(settings.sessions.clone()),
        ..Extras::default()
    };
    let api = chassis::start_with(api, &settings.http, &settings.auth, extras)?;
    Ok(Running {
        base_url: api.base_url.clone(),
        api,
    })
}
