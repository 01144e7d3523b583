//! Starts and stops the API.

use std::sync::Arc;

use chassis::{Api, Extras, RunningApi};

use crate::live::Live;
use crate::routes::{contract, routes};
use crate::settings::Settings;
use crate::sources::Sources;
use crate::state::Board;

/// The API at work.
pub struct Running {
    /// Where it listens.
    pub base_url: String,
    api: RunningApi,
    live: Arc<Live>,
}

impl Running {
    /// Ends streams, requests and looking in good order.
    pub async fn stop(self) {
        self.api.stop().await;
        self.live.stop().await;
    }
}

/// Starts the API.
///
/// # Errors
/// The settings do not hold, or the port is taken.
pub async fn run(settings: &Settings) -> anyhow::Result<Running> {
    let sources = Sources::new(settings)?;
    let live = Live::new(sources.clone(), settings.live.clone());
    let api = Api {
        name: "executive-dashboard-experience-api",
        contract,
        routes,
        state: Board {
            sources,
            live: Arc::clone(&live),
        },
    };
    let extras = Extras {
        sessions: Some(settings.sessions.clone()),
        ..Extras::default()
    };
    let api = chassis::start_with(api, &settings.http, &settings.auth, extras)?;
    Ok(Running {
        base_url: api.base_url.clone(),
        api,
        live,
    })
}
