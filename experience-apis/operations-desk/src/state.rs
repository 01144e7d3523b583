//! What handlers share.

use std::sync::Arc;

use canonical_model::{Failure, Result};
use chassis::{Caller, IdempotencyKey};
use process_client::{Act, ControlClient, ProcessClient};

use crate::settings::Settings;

/// What the desk does at control.
const AT_CONTROL: &str = "exceptions:read exceptions:resolve references:read mappings:write audit:read \
     reconciliations:read reconciliations:run";

/// What it does at process APIs.
const AT_PROCESSES: &str = "processes:read";

/// The desk at work.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) control: ControlClient,
    /// The process APIs in their order in the loop, by name.
    pub(crate) processes: Arc<Vec<(&'static str, ProcessClient)>>,
}

impl Desk {
    /// Clients of the APIs that the settings name.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let authorizer = settings.identity.authorizer("control-process-api", AT_CONTROL)?;
        let control = ControlClient::new(&settings.processes.control, authorizer)?;
        let processes = settings
            .processes
            .with_instances()
            .into_iter()
            .map(|(name, address)| {
                let binary = format!("{name}-process-api");
                let authorizer = settings.identity.authorizer(&binary, AT_PROCESSES)?;
                Ok((name, ProcessClient::new(&binary, address, authorizer)?))
            });
        Ok(Self {
            control,
            processes: Arc::new(processes.collect::<Result<_>>()?),
        })
    }

    /// The process API of this name.
    pub(crate) fn process(&self, name: &str) -> Result<&ProcessClient> {
        let found = self.processes.iter().find(|(known, _)| *known == name);
        found.map(|(_, client)| client).ok_or_else(|| {
            let known: Vec<&str> = self.processes.iter().map(|(name, _)| *name).collect();
            let message = format!(
                "There is no process API of that name; there are {}.",
                known.join(", ")
            );
            Failure::business("not_found", message)
        })
    }
}

/// The caller's change, passed on under the caller's key and for the same person.
pub(crate) fn act(key: &IdempotencyKey, caller: &Caller) -> Act {
    Act::keyed(key.0.as_str()).on_behalf_of(caller.actor())
}

/// Runs calls that carry the correlation id of this request.
pub(crate) async fn correlated<F: Future>(calls: F) -> F::Output {
    match chassis::current_correlation_id() {
        Some(id) => egress::with_correlation(id, calls).await,
        None => calls.await,
    }
}
