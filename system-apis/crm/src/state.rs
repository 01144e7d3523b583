//! What the handlers share: the connections.

use std::sync::Arc;

use anyhow::Context;
use salesforce_connector::Salesforce;
use system_ports::CrmPort;
use system_serving::System;
use tryton_connector::TrytonCrm;

use crate::KIND;
use crate::settings::{Connection, Vendor};

/// The connections of the API by name.
pub type State = System<dyn CrmPort>;

/// Sets up the connections; none is called yet.
///
/// # Errors
/// When settings do not hold, a secret is not available, or two connections have one name.
pub fn connect(connections: &[Connection]) -> anyhow::Result<State> {
    if connections.is_empty() {
        tracing::warn!("no connections are set up, so that there is nothing to serve");
    }
    let ports = connections
        .iter()
        .map(|connection| {
            let called = format!("{}/{}", KIND.word(), connection.name);
            let port = open(&called, &connection.vendor).with_context(|| format!("connection {called}"))?;
            Ok((connection.name.clone(), port))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(System::new(KIND, ports)?)
}

fn open(called: &str, vendor: &Vendor) -> canonical_model::Result<Arc<dyn CrmPort>> {
    Ok(match vendor {
        Vendor::Salesforce(settings) => Arc::new(Salesforce::connect(called, settings)?),
        Vendor::Tryton(settings) => Arc::new(TrytonCrm::connect(called, settings)?),
    })
}
