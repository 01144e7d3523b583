//! What stays the same from seed to seed: settings, keys, contracts, an empty database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use canonical_model::clock;
use chassis::InProcess;
use egress::simulation::Sent;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use persistence::Database;
use serde_json::{Value, json};
use tempfile::TempDir;
use time_to_invoice_process_api::Settings;
use toml::Table;
use vendor_twins::kantata::{DEVELOPMENT_TOKEN, Kantata, KantataSettings};
use vendor_twins::netsuite::{DEVELOPMENT_PRIVATE_KEY_PEM, NetSuite, NetSuiteSettings};
use vendor_twins::server::Twin;
use vendor_twins::store::{Clock, Store};

use crate::faults::{self, Operation};
use crate::wire::{Answer, Host, Services, function};

/// Where everything would listen.
const PORTS: [(&str, u16); 7] = [
    ("erp-system-api", 8122),
    ("psa-system-api", 8123),
    ("control-process-api", 8114),
    ("quote-to-project-process-api", 8111),
    ("netsuite", 8202),
    ("kantata", 8203),
    ("openid", 8290),
];
const KEY_ID: &str = "simulation";
/// Tokens of our own are checked against the system's clock, which is not that of the simulation.
const NEVER: i64 = 4_102_444_800;

/// The settings of everything, and where it would listen.
pub struct House {
    pub(crate) settings: Settings,
    erp: (erp_system_api::Settings, InProcess),
    psa: (psa_system_api::Settings, InProcess),
    key: EncodingKey,
    keys: JwkSet,
    tokens: AtomicU64,
    folder: TempDir,
    template: PathBuf,
}

impl House {
    /// Reads the development settings and makes an empty database.
    ///
    /// # Errors
    /// Settings do not hold, or the folder cannot be written.
    pub async fn build() -> anyhow::Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        };
        write(folder.path(), "netsuite-private-key", DEVELOPMENT_PRIVATE_KEY_PEM)?;
        write(folder.path(), "kantata-token", DEVELOPMENT_TOKEN)?;
        write(folder.path(), "client-secret", "it opens nothing")?;
        let key = EncodingKey::from_rsa_pem(DEVELOPMENT_PRIVATE_KEY_PEM.as_bytes())?;
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256)?;
        jwk.common.key_id = Some(KEY_ID.to_owned());
        let erp: erp_system_api::Settings = chassis::load_with(system("netsuite", folder.path())?)?;
        let psa: psa_system_api::Settings = chassis::load_with(system("kantata", folder.path())?)?;
        let erp_api = InProcess::new(&erp_system_api::build(&erp).await?, &erp.http, &erp.auth)?;
        let psa_api = InProcess::new(&psa_system_api::build(&psa).await?, &psa.http, &psa.auth)?;
        let settings = settings(folder.path())?;
        let template = folder.path().join("empty");
        std::fs::create_dir_all(&template)?;
        let db = Database::sqlite_in(&template, &migrations()).await?;
        db.close().await;
        Ok(Self {
            settings,
            erp: (erp, erp_api),
            psa: (psa, psa_api),
            key,
            keys: JwkSet { keys: vec![jwk] },
            tokens: AtomicU64::new(0),
            template: template.join("fairlead.db"),
            folder,
        })
    }

    /// Where something would listen.
    pub(crate) fn url(&self, name: &str) -> String {
        url(name)
    }

    pub(crate) fn port(&self, name: &str) -> u16 {
        port(name)
    }

    /// A database of its own for a seed, and the folder that it goes away with.
    pub(crate) async fn database(&self) -> anyhow::Result<(Database, TempDir)> {
        let folder = tempfile::tempdir_in(self.folder.path())?;
        std::fs::copy(&self.template, folder.path().join("fairlead.db"))?;
        let db = Database::sqlite_in(folder.path(), &migrations()).await?;
        Ok((db, folder))
    }

    /// Twins without a past, and the system APIs in front of them.
    pub(crate) async fn services(&self) -> anyhow::Result<(Services, Arc<NetSuite>, Arc<Kantata>)> {
        let clock: Clock = Arc::new(clock::now);
        let netsuite = NetSuite::new(Store::in_memory(Arc::clone(&clock)), NetSuiteSettings::default());
        let kantata = Kantata::new(Store::in_memory(clock), KantataSettings::default());
        self.erp.1.trust(&self.keys).await;
        self.psa.1.trust(&self.keys).await;
        let erp = self.erp.1.app(
            erp_system_api::routes,
            erp_system_api::connect(&self.erp.0.connections)?,
        );
        let psa = self.psa.1.app(
            psa_system_api::routes,
            psa_system_api::connect(&self.psa.0.connections)?,
        );
        let services = Services {
            erp: function(actix_web::test::init_service(erp).await),
            psa: function(actix_web::test::init_service(psa).await),
            netsuite: (twin(Arc::clone(&netsuite)).await, netsuite.clone()),
            kantata: (twin(Arc::clone(&kantata)).await, kantata.clone()),
        };
        Ok((services, netsuite, kantata))
    }

    /// Who answers at a port, and what is asked for there.
    pub(crate) fn route(&self, port: u16, sent: &Sent) -> Option<(Option<Host>, Operation)> {
        let (name, _) = PORTS.iter().find(|(_, known)| *known == port)?;
        let (path, query) = (sent.url.path(), sent.url.query().unwrap_or_default());
        let get = sent.method == http::Method::GET;
        let (host, operation) = match *name {
            "netsuite" => {
                let operation = match path {
                    _ if path.ends_with("/oauth2/v1/token") => "erp.token",
                    _ if path.contains("/suiteql") => "erp.query",
                    _ if path.contains("/async/") => "erp.job.poll",
                    _ if get => "erp.record.read",
                    _ if path.contains("/timeBill") => "erp.time_entries.write",
                    _ if path.contains("/expenseReport") => "erp.expenses.write",
                    _ => "erp.record.write",
                };
                (Some(Host::NetSuite), operation)
            }
            "kantata" => {
                let operation = match path {
                    _ if path.contains("/subscribed_events") => "psa.events",
                    _ if !get => "psa.mark.write",
                    _ if query.contains("updated_after") || query.contains("updated_at") => "psa.changes",
                    _ => "psa.read",
                };
                (Some(Host::Kantata), operation)
            }
            "erp-system-api" => (
                Some(Host::Erp),
                if get { "erp_api.read" } else { "erp_api.write" },
            ),
            "psa-system-api" => (
                Some(Host::Psa),
                if get { "psa_api.read" } else { "psa_api.write" },
            ),
            _ if path.ends_with("/query") || path.ends_with("/token") => (None, "control.read"),
            _ => (None, "control.write"),
        };
        Some((host, faults::operation(operation)?))
    }

    /// A service token of ours for what a form asks for.
    pub(crate) fn token(&self, form: &[u8]) -> Value {
        let asked: BTreeMap<_, _> = url::form_urlencoded::parse(form).into_owned().collect();
        let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
        // Each is another one, so that one that was refused can be told from its successor.
        let count = self.tokens.fetch_add(1, Ordering::Relaxed);
        let claims = json!({"iss": self.url("openid"), "aud": of("audience"), "sub": "time-to-invoice-process-api",
            "scope": of("scope"), "exp": NEVER, "iat": 0, "jti": count.to_string()});
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(KEY_ID.to_owned());
        let token = encode(&header, &claims, &self.key).unwrap_or_default();
        json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600})
    }
}

async fn twin<T: Twin>(twin: Arc<T>) -> Answer {
    let app = actix_web::App::new()
        .app_data(actix_web::web::PayloadConfig::new(16 * 1024 * 1024))
        .app_data(actix_web::web::JsonConfig::default().limit(16 * 1024 * 1024))
        .configure(|config| twin.configure(config));
    function(actix_web::test::init_service(app).await)
}

fn migrations() -> Vec<persistence::Migration> {
    process_engine::MIGRATIONS
        .into_iter()
        .chain(time_to_invoice_process_api::MIGRATIONS)
        .collect()
}

fn port(name: &str) -> u16 {
    let known = PORTS.iter().find(|(known, _)| *known == name);
    known.map_or(0, |(_, port)| *port)
}

fn url(name: &str) -> String {
    format!("http://127.0.0.1:{}", port(name))
}

fn write(folder: &Path, name: &str, secret: &str) -> anyhow::Result<()> {
    std::fs::write(folder.join(name), secret).with_context(|| format!("the secret {name} cannot be written"))
}

/// Settings of a system API in front of one twin: the vendor's development settings.
fn system(vendor: &str, folder: &Path) -> anyhow::Result<Table> {
    let text = match vendor {
        "netsuite" => include_str!("../../../config/vendors/netsuite.toml"),
        _ => include_str!("../../../config/vendors/kantata.toml"),
    };
    let mut connection: Table = text
        .parse()
        .with_context(|| format!("config/vendors/{vendor}.toml"))?;
    let (folder, base_url) = (folder.display(), url(vendor));
    let own: Table = match vendor {
        "netsuite" => format!(
            "name = 'main'\nvendor = '{vendor}'\nbase_url = '{base_url}'\n\
             auth.private_key = 'file:{folder}/netsuite-private-key'\ntime.reversals = true\nexpense.reversals = true"
        ),
        _ => format!(
            "name = 'main'\nvendor = '{vendor}'\nbase_url = '{base_url}'\ntoken = 'file:{folder}/kantata-token'"
        ),
    }
    .parse()?;
    for (key, value) in own {
        let known = connection
            .entry(key)
            .or_insert_with(|| toml::Value::Table(Table::new()));
        merge(known, value);
    }
    let mut table = Table::new();
    table.insert(
        "connections".to_owned(),
        toml::Value::Array(vec![connection.into()]),
    );
    table.insert(
        "auth".to_owned(),
        toml::toml! { issuer = "http://127.0.0.1:8290" }.into(),
    );
    Ok(table)
}

/// Small pages and batches, so that few entries need several.
fn settings(folder: &Path) -> anyhow::Result<Settings> {
    let table: Table = format!(
        "
        auth.issuer = 'http://127.0.0.1:8290'
        identity.token_url = 'http://127.0.0.1:8290/token'
        identity.client_secret = 'file:{}/client-secret'
        intake.time_entries.page = 3
        intake.expenses.page = 3
        posting.batch_size = 4
        posting.batches_at_once = 2
        posting.believe_s = 0
        ",
        folder.display()
    )
    .parse()?;
    chassis::load_with(table).context("settings of time-to-invoice")
}

fn merge(known: &mut toml::Value, more: toml::Value) {
    match (known, more) {
        (toml::Value::Table(known), toml::Value::Table(more)) => {
            for (key, value) in more {
                match known.get_mut(&key) {
                    Some(inner) => merge(inner, value),
                    None => drop(known.insert(key, value)),
                }
            }
        }
        (known, more) => *known = more,
    }
}
