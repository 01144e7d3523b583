//! Starts all twins of a development system together.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::kantata::{Kantata, KantataSettings};
use crate::netsuite::{NetSuite, NetSuiteSettings};
use crate::openid::{OpenId, OpenIdSettings};
use crate::salesforce::{Salesforce, SalesforceSettings};
use crate::server::{RunningTwin, Twin, serve};
use crate::store::{Store, system_clock};

/// A twin's port (0 = any free one) and set-up.
#[derive(Debug, Clone)]
pub struct Place<S> {
    /// On loopback.
    pub port: u16,
    /// As the vendor's administrator would have set it up.
    pub settings: S,
}

impl<S: Default> Place<S> {
    /// The development set-up on a port.
    #[must_use]
    pub fn at(port: u16) -> Self {
        Self {
            port,
            settings: S::default(),
        }
    }
}

/// Which twins to run. The default is every twin on its development port, in memory.
#[derive(Debug, Clone)]
pub struct TwinsSettings {
    /// Folder of the journals, made where it is missing; absent = state lives in memory.
    pub data: Option<PathBuf>,
    /// Where the twins' fault generators start.
    pub seed: u64,
    /// The CRM.
    pub salesforce: Option<Place<SalesforceSettings>>,
    /// The ERP.
    pub netsuite: Option<Place<NetSuiteSettings>>,
    /// The PSA.
    pub kantata: Option<Place<KantataSettings>>,
    /// Where people and programs get their tokens.
    pub openid: Option<Place<OpenIdSettings>>,
}

impl Default for TwinsSettings {
    fn default() -> Self {
        Self {
            data: None,
            seed: 0,
            salesforce: Some(Place::at(8201)),
            netsuite: Some(Place::at(8202)),
            kantata: Some(Place::at(8203)),
            openid: Some(Place::at(8290)),
        }
    }
}

/// The twins that are running; one that was not asked for is absent.
#[derive(Default)]
pub struct RunningTwins {
    /// The CRM.
    pub salesforce: Option<RunningTwin>,
    /// The ERP.
    pub netsuite: Option<RunningTwin>,
    /// The PSA.
    pub kantata: Option<RunningTwin>,
    /// Where people and programs get their tokens.
    pub openid: Option<RunningTwin>,
}

impl RunningTwins {
    /// Names and addresses.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("salesforce", &self.salesforce),
            ("netsuite", &self.netsuite),
            ("kantata", &self.kantata),
            ("openid", &self.openid),
        ];
        all.into_iter()
            .filter_map(|(name, twin)| Some((name, twin.as_ref()?.base_url.as_str())))
            .collect()
    }

    /// Stops all of them.
    pub async fn stop(self) {
        let all = [self.salesforce, self.netsuite, self.kantata, self.openid];
        for twin in all.into_iter().flatten() {
            twin.stop().await;
        }
    }
}

/// Starts the twins. Must be called inside a tokio run time.
///
/// # Errors
/// A port is taken, or a journal cannot be read or written.
pub fn run_all(settings: TwinsSettings) -> io::Result<RunningTwins> {
    let TwinsSettings {
        data,
        seed,
        salesforce,
        netsuite,
        kantata,
        openid,
    } = settings;
    if let Some(folder) = &data {
        std::fs::create_dir_all(folder)?;
    }
    let data = data.as_deref();
    Ok(RunningTwins {
        salesforce: start(salesforce, data, seed, "salesforce", Salesforce::new)?,
        netsuite: start(netsuite, data, seed, "netsuite", NetSuite::new)?,
        kantata: start(kantata, data, seed, "kantata", Kantata::new)?,
        openid: start(openid, data, seed, "openid", OpenId::new)?,
    })
}

fn start<S, T: Twin>(
    place: Option<Place<S>>,
    data: Option<&Path>,
    seed: u64,
    name: &str,
    new: impl FnOnce(Store, S) -> Arc<T>,
) -> io::Result<Option<RunningTwin>> {
    let Some(Place { port, settings }) = place else {
        return Ok(None);
    };
    let store = match data {
        Some(folder) => Store::open(&folder.join(format!("{name}.journal")), system_clock())?,
        None => Store::in_memory(system_clock()),
    };
    let twin = new(store, settings);
    twin.faults().start_at(seed);
    serve(twin, port).map(Some)
}
