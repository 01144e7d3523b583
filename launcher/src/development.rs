//! The development set-up: where everything listens, which settings each binary gets, where its secrets are.
//!
//! The same tables serve one process (`fairlead demo`), twelve (each binary reads the file that [`Development::write`]
//! leaves for it), and the tests, on whatever ports are free. The secrets open nothing but the twins.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context;
use toml::{Table, Value};
use vendor_twins::netsuite::DEVELOPMENT_PRIVATE_KEY_PEM;
use vendor_twins::openid::development_secret;
use vendor_twins::{Place, TwinsSettings};

use crate::tryton::Installation;

/// The binaries of the product, in the order in which they are started, with their development ports.
pub const BINARIES: [(&str, u16); 12] = [
    ("crm-system-api", 8121),
    ("erp-system-api", 8122),
    ("psa-system-api", 8123),
    ("control-process-api", 8114),
    ("insight-process-api", 8115),
    ("quote-to-project-process-api", 8111),
    ("time-to-invoice-process-api", 8112),
    ("invoice-to-cash-process-api", 8113),
    ("executive-dashboard-experience-api", 8101),
    ("client-portal-experience-api", 8102),
    ("staffing-experience-api", 8103),
    ("operations-desk-experience-api", 8104),
];

/// The twins, with their development ports.
const TWINS: [(&str, u16); 4] = [
    ("salesforce", 8201),
    ("netsuite", 8202),
    ("kantata", 8203),
    ("openid", 8290),
];

/// Login of the integration at Tryton.
const INTEGRATION: &str = "fairlead";

/// The port of a Tryton beside the twins.
const TRYTON: (&str, u16) = ("tryton", 8204);

/// Ports for tests: as many slots as there may be worlds at once, each with room for all that listens in one.
const FIRST_PORT: u16 = 10_000;
const SLOT: u16 = 32;
const SLOTS: u32 = 600;
const LAST_PORT: u16 = 30_000;
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Where the firm's books are.
#[derive(Debug, Clone)]
pub enum Erp {
    /// The NetSuite twin.
    NetSuite,
    /// A real Tryton.
    Tryton(Installation),
}

/// The development set-up of one installation.
#[derive(Debug, Clone)]
pub struct Development {
    data: PathBuf,
    ports: BTreeMap<&'static str, u16>,
    quick: bool,
    /// URL of a PostgreSQL server, and with what the names of our schemas begin.
    database: Option<(String, String)>,
    erp: Erp,
    /// Where the platform finds Tryton, when that is not where it listens.
    tryton_behind: Option<String>,
}

impl Development {
    /// On the well-known ports, with everything it keeps under `data`.
    #[must_use]
    pub fn at(data: &Path) -> Self {
        let ports = BINARIES.into_iter().chain(TWINS).chain([TRYTON]).collect();
        Self {
            data: data.to_owned(),
            ports,
            quick: true,
            database: None,
            erp: Erp::NetSuite,
            tryton_behind: None,
        }
    }

    /// On ports that are free now, for tests. They are below those that systems give to outgoing connections, and apart
    /// from those of other processes that ask at the same time: they stay free until they are listened on.
    ///
    /// # Errors
    /// No port can be had.
    pub fn on_free_ports(data: &Path) -> anyhow::Result<Self> {
        let asked = ASKED.fetch_add(1, Ordering::Relaxed);
        let slot = std::process::id().wrapping_add(asked.wrapping_mul(257)) % SLOTS;
        let first = FIRST_PORT + u16::try_from(slot)? * SLOT;
        let mut free = (first..LAST_PORT)
            .chain(FIRST_PORT..first)
            .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
        // All are held at once, so that no two are the same.
        let held = BINARIES
            .into_iter()
            .chain(TWINS)
            .chain([TRYTON])
            .map(|(name, _)| Ok((name, free.next().context("no port is free")?)))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let ports = held
            .iter()
            .map(|(name, listener)| Ok((*name, listener.local_addr()?.port())))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self {
            data: data.to_owned(),
            ports,
            quick: true,
            database: None,
            erp: Erp::NetSuite,
            tryton_behind: None,
        })
    }

    /// The same on PostgreSQL instead of SQLite files: one schema for each process API, whose name begins with `prefix`.
    #[must_use]
    pub fn on_postgres(mut self, url: &str, prefix: &str) -> Self {
        self.database = Some((url.to_owned(), prefix.to_owned()));
        self
    }

    /// The same with the books in a real Tryton instead of the NetSuite twin.
    #[must_use]
    pub fn with_tryton(mut self, installation: Installation) -> Self {
        self.erp = Erp::Tryton(installation);
        self
    }

    /// The same with what stands between the platform and Tryton; people go on to reach Tryton itself.
    #[must_use]
    pub fn with_tryton_behind(mut self, url: &str) -> Self {
        self.tryton_behind = Some(url.to_owned());
        self
    }

    /// Where the books are.
    #[must_use]
    pub const fn erp(&self) -> &Erp {
        &self.erp
    }

    /// The port that something listens on.
    #[must_use]
    pub fn port(&self, name: &str) -> u16 {
        self.ports.get(name).copied().unwrap_or_default()
    }

    /// Folder of everything that is kept.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Where something listens.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.port(name))
    }

    /// Settings of the twins.
    #[must_use]
    pub fn twins(&self) -> TwinsSettings {
        let netsuite = matches!(self.erp, Erp::NetSuite);
        TwinsSettings {
            data: Some(self.data.join("twins")),
            seed: 0,
            salesforce: Some(Place::at(self.port("salesforce"))),
            netsuite: netsuite.then(|| Place::at(self.port("netsuite"))),
            kantata: Some(Place::at(self.port("kantata"))),
            openid: Some(Place::at(self.port("openid"))),
        }
    }

    /// Writes the secrets, and a settings file for each binary into `<data>/config/<binary>.toml`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self) -> anyhow::Result<()> {
        let (secrets, config) = (self.data.join("secrets"), self.data.join("config"));
        for folder in [&secrets, &config] {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("{} cannot be made", folder.display()))?;
        }
        for (name, secret) in self.secrets() {
            write(&secrets.join(name), &secret)?;
        }
        for (binary, _) in BINARIES {
            write(&self.config_file(binary), &toml::to_string(&self.table(binary)?)?)?;
        }
        Ok(())
    }

    /// The settings file of a binary.
    #[must_use]
    pub fn config_file(&self, binary: &str) -> PathBuf {
        self.data.join("config").join(format!("{binary}.toml"))
    }

    fn secrets(&self) -> Vec<(String, String)> {
        let salesforce = vendor_twins::salesforce::SalesforceSettings::default();
        let mut secrets = vec![
            ("salesforce-client-secret".to_owned(), salesforce.client_secret),
            (
                "netsuite-private-key".to_owned(),
                DEVELOPMENT_PRIVATE_KEY_PEM.to_owned(),
            ),
            (
                "kantata-token".to_owned(),
                vendor_twins::kantata::DEVELOPMENT_TOKEN.to_owned(),
            ),
            // Public, as every secret of the development set-up: 32 bytes in base64.
            (
                "cost-key".to_owned(),
                "ZmFpcmxlYWQtZGV2ZWxvcG1lbnQtY29zdC1rZXktMzI=".to_owned(),
            ),
            (
                "session-key".to_owned(),
                "ZmFpcmxlYWQtZGV2ZWxvcG1lbnQtc2Vzc2lvbi1rZXk=".to_owned(),
            ),
        ];
        secrets.extend(
            BINARIES
                .iter()
                .map(|(binary, _)| ((*binary).to_owned(), development_secret(binary))),
        );
        secrets.push(("fairlead".to_owned(), development_secret("fairlead")));
        secrets
    }

    /// Reference to a secret that [`Development::write`] has written.
    #[must_use]
    pub fn secret(&self, name: &str) -> String {
        format!("file:{}", self.data.join("secrets").join(name).display())
    }

    /// What differs from a binary's defaults.
    ///
    /// # Errors
    /// A vendor's development settings cannot be read.
    pub fn table(&self, binary: &str) -> anyhow::Result<Table> {
        let port = self.port(binary);
        let mut table = Table::new();
        put(&mut table, "http.port", i64::from(port));
        put(&mut table, "auth.issuer", self.url("openid"));
        if let Some(vendor) = self.vendor_of(binary) {
            table.insert(
                "connections".to_owned(),
                Value::Array(vec![Value::Table(self.connection(vendor)?)]),
            );
            return Ok(table);
        }
        put(
            &mut table,
            "identity.token_url",
            format!("{}/token", self.url("openid")),
        );
        put(&mut table, "identity.client_secret", self.secret(binary));
        self.put_callees(&mut table, binary);
        if binary.ends_with("-process-api") {
            self.put_database(&mut table, binary);
        } else {
            put(&mut table, "sessions.client_secret", self.secret(binary));
            put(&mut table, "sessions.key", self.secret("session-key"));
        }
        if binary == "insight-process-api" {
            put(&mut table, "costs.encryption_key", self.secret("cost-key"));
        }
        if self.quick {
            self.put_pace(&mut table, binary);
        }
        Ok(table)
    }

    fn put_callees(&self, table: &mut Table, binary: &str) {
        let systems: &[&str] = match binary {
            "quote-to-project-process-api" => &["crm", "erp", "psa"],
            "time-to-invoice-process-api" | "insight-process-api" | "control-process-api" => &["erp", "psa"],
            "invoice-to-cash-process-api" => &["crm", "erp"],
            _ => &[],
        };
        for system in systems {
            put(
                table,
                &format!("systems.{system}"),
                self.url(&format!("{system}-system-api")),
            );
        }
        let processes: &[&str] = match binary {
            "control-process-api" | "insight-process-api" => {
                &["quote-to-project", "time-to-invoice", "invoice-to-cash"]
            }
            "quote-to-project-process-api" => &["control"],
            "time-to-invoice-process-api" => &["control", "quote-to-project"],
            "invoice-to-cash-process-api" | "executive-dashboard-experience-api" => &["control", "insight"],
            "client-portal-experience-api" | "staffing-experience-api" => &["insight"],
            "operations-desk-experience-api" => &[
                "control",
                "quote-to-project",
                "time-to-invoice",
                "invoice-to-cash",
            ],
            _ => &[],
        };
        for process in processes {
            let key = format!("processes.{}", process.replace('-', "_"));
            put(table, &key, self.url(&format!("{process}-process-api")));
        }
    }

    fn put_database(&self, table: &mut Table, binary: &str) {
        let name = binary.trim_end_matches("-process-api");
        match &self.database {
            Some((url, prefix)) => {
                put(table, "database.url", url.clone());
                put(
                    table,
                    "database.schema",
                    format!("{prefix}_{}", name.replace('-', "_")),
                );
            }
            None => {
                let file = self.data.join(format!("{name}.sqlite"));
                put(table, "database.url", format!("sqlite:{}", file.display()));
            }
        }
    }

    /// A demonstration and a test look often and do not wait for the end of a month.
    fn put_pace(&self, table: &mut Table, binary: &str) {
        let feeds: &[(&str, i64)] = match binary {
            "quote-to-project-process-api" => &[
                ("feeds.deals.interval_ms", 500),
                ("feeds.assignments.interval_ms", 500),
            ],
            "invoice-to-cash-process-api" => &[
                ("feeds.invoices.interval_ms", 500),
                ("feeds.payments.interval_ms", 500),
            ],
            "time-to-invoice-process-api" => &[
                ("intake.time_entries.interval_ms", 500),
                ("intake.expenses.interval_ms", 500),
                ("intake.milestones.interval_ms", 500),
                ("billing.interval_ms", 1_000),
                ("posting.believe_s", 2),
            ],
            "insight-process-api" => &[("costs.refresh_s", 5)],
            "control-process-api" => &[
                ("audit.head_every_s", 5),
                ("reconciliation.interval_ms", 200),
                ("reconciliation.settle_s", 2),
            ],
            _ => &[],
        };
        for (key, value) in feeds {
            put(table, key, *value);
        }
        // A real ERP on one processor with its database in a file is not asked as often.
        if let ("invoice-to-cash-process-api", Erp::Tryton(_)) = (binary, &self.erp) {
            put(table, "feeds.invoices.interval_ms", 2_000_i64);
            put(table, "feeds.payments.interval_ms", 2_000_i64);
        }
    }

    fn vendor_of(&self, binary: &str) -> Option<&'static str> {
        match (binary, &self.erp) {
            ("crm-system-api", _) => Some("salesforce"),
            ("erp-system-api", Erp::NetSuite) => Some("netsuite"),
            ("erp-system-api", Erp::Tryton(_)) => Some("tryton"),
            ("psa-system-api", _) => Some("kantata"),
            _ => None,
        }
    }

    /// A vendor's development settings, with where its twin listens and where its secrets are.
    fn connection(&self, vendor: &str) -> anyhow::Result<Table> {
        let text = match vendor {
            "salesforce" => include_str!("../../config/vendors/salesforce.toml"),
            "netsuite" => include_str!("../../config/vendors/netsuite.toml"),
            "tryton" => include_str!("../../config/vendors/tryton.toml"),
            _ => include_str!("../../config/vendors/kantata.toml"),
        };
        let mut table: Table = text
            .parse()
            .with_context(|| format!("config/vendors/{vendor}.toml"))?;
        put(&mut table, "name", "main");
        put(&mut table, "vendor", vendor);
        match vendor {
            "salesforce" => {
                put(&mut table, "login_url", self.url(vendor));
                put(
                    &mut table,
                    "auth.client_secret",
                    self.secret("salesforce-client-secret"),
                );
                put(&mut table, "limits.changes_overlap_s", 5_i64);
            }
            "netsuite" => {
                put(&mut table, "base_url", self.url(vendor));
                put(
                    &mut table,
                    "auth.private_key",
                    self.secret("netsuite-private-key"),
                );
                // The twin takes negative time and expenses.
                put(&mut table, "time.reversals", true);
                put(&mut table, "expense.reversals", true);
            }
            "tryton" => self.put_tryton(&mut table)?,
            _ => {
                put(&mut table, "base_url", self.url(vendor));
                put(&mut table, "token", self.secret("kantata-token"));
            }
        }
        Ok(table)
    }

    /// Ids of a real ERP are those of its database.
    fn put_tryton(&self, table: &mut Table) -> anyhow::Result<()> {
        let Erp::Tryton(installation) = &self.erp else {
            return Ok(());
        };
        let url = self.tryton_behind.clone().unwrap_or_else(|| self.url(TRYTON.0));
        put(table, "base_url", url);
        put(table, "database", installation.database());
        put(table, "login", INTEGRATION);
        let password = installation.password_file(INTEGRATION);
        put(table, "password", format!("file:{}", password.display()));
        put(table, "company", installation.id("/company")?);
        if installation.is_in_a_file() {
            // On SQLite Tryton gives one number to two invoices that are posted at the same time: observed.
            put(table, "limits.max_concurrent", 1_i64);
        }
        for (key, path) in [
            ("project.open", "/project_statuses/open"),
            ("project.done", "/project_statuses/done"),
        ] {
            put(table, key, vec![Value::from(installation.id(path)?)]);
        }
        for (key, path) in [
            ("items.time_and_materials", "/charges/time-and-materials"),
            ("items.fixed_fee", "/charges/fixed-fee"),
            ("items.milestone", "/charges/milestone"),
            ("items.expenses", "/charges/expenses"),
            ("items.rounding", "/charges/rounding"),
        ] {
            put(table, key, installation.id(path)?);
        }
        Ok(())
    }
}

/// Sets the value at a dotted path, making the tables on the way.
fn put(table: &mut Table, path: &str, value: impl Into<Value>) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value.into());
        }
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}
