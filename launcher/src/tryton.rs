//! A real ERP beside the twins: a Tryton server that `scripts/tryton/install` has made, as a child of this process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use canonical_model::{MappingDomain, ReferenceMapping};
use serde_json::Value;
use tokio::process::{Child, Command};
use vendor_twins::firm::TrytonAddress;

/// Login of the person who posts invoices and books payments.
pub(crate) const FINANCE: &str = "nora.lindqvist";
/// How long the server may take to answer for the first time.
const PATIENCE: Duration = Duration::from_secs(120);

/// What `scripts/tryton/install` has left in a folder.
#[derive(Debug, Clone)]
pub struct Installation {
    folder: PathBuf,
    /// The firm's records, as `ids.json` has them.
    ids: Value,
    /// The PostgreSQL server of its database; absent where that is a file to copy.
    postgres: Option<String>,
}

impl Installation {
    /// The installation of a folder.
    ///
    /// # Errors
    /// Nothing is installed there.
    pub fn at(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("ids.json");
        let text = std::fs::read_to_string(&file).with_context(|| {
            format!(
                "{} cannot be read; run scripts/tryton/install {}",
                file.display(),
                folder.display()
            )
        })?;
        Ok(Self {
            folder: folder.canonicalize()?,
            postgres: std::fs::read_to_string(folder.join("database-uri")).ok(),
            ids: serde_json::from_str(&text).with_context(|| file.display().to_string())?,
        })
    }

    /// Name of the database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.ids
            .get("database")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Id of one of the firm's records, by the path in `ids.json`, such as `/roles/partner`.
    ///
    /// # Errors
    /// The firm has none of that name.
    pub fn id(&self, path: &str) -> anyhow::Result<i64> {
        let id = self.ids.pointer(path).and_then(Value::as_i64);
        id.with_context(|| format!("{}/ids.json has no {path}", self.folder.display()))
    }

    /// Its database is an SQLite file.
    #[must_use]
    pub const fn is_in_a_file(&self) -> bool {
        self.postgres.is_none()
    }

    /// Folder of Tryton's web client, where that is installed.
    #[must_use]
    pub fn pages(&self) -> Option<PathBuf> {
        let pages = self.folder.join("web-client/pages");
        pages.exists().then_some(pages)
    }

    /// File of a user's password.
    #[must_use]
    pub fn password_file(&self, login: &str) -> PathBuf {
        self.folder.join("secrets").join(login)
    }

    /// How finance reaches a server of this installation.
    ///
    /// # Errors
    /// The person's password cannot be read.
    pub fn finance(&self, url: &str) -> anyhow::Result<TrytonAddress> {
        let file = self.password_file(FINANCE);
        Ok(TrytonAddress {
            url: url.to_owned(),
            database: self.database().to_owned(),
            login: FINANCE.to_owned(),
            password: std::fs::read_to_string(&file).with_context(|| file.display().to_string())?,
        })
    }

    /// What a mapping of the development firm's ERP is in Tryton: the ids are others, and there is one company alone.
    ///
    /// # Errors
    /// The firm lacks a record that the mapping needs.
    pub(crate) fn translated(&self, mapping: &ReferenceMapping) -> anyhow::Result<Option<ReferenceMapping>> {
        let value = match (mapping.domain, mapping.code.as_str()) {
            (MappingDomain::LegalEntity, "de") => self.id("/company")?.to_string(),
            (MappingDomain::LegalEntity, _) => return Ok(None),
            (MappingDomain::Role, code) => self.id(&format!("/roles/{code}"))?.to_string(),
            (MappingDomain::ExpenseCategory, code) => self.id(&format!("/expenses/{code}"))?.to_string(),
            // Tryton keeps no regions: the code stands for itself.
            (_, code) => code.to_owned(),
        };
        Ok(Some(ReferenceMapping {
            value,
            ..mapping.clone()
        }))
    }
}

/// A Tryton server at work. It ends with this value.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts the server of an installation on a port. Its database is a copy of the installation's, made in `data` at the
    /// first start; one on PostgreSQL is used where it is.
    ///
    /// # Errors
    /// It does not start: the end of its log says why.
    pub async fn start(installation: &Installation, data: &Path, port: u16) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data)?;
        let name = installation.database();
        let database = match &installation.postgres {
            Some(uri) => format!("uri = {}", uri.trim()),
            None => {
                let own = data.join(format!("{name}.sqlite"));
                if !own.exists() {
                    let template = installation
                        .folder
                        .join("template")
                        .join(format!("{name}.sqlite"));
                    std::fs::copy(&template, &own).with_context(|| template.display().to_string())?;
                }
                format!("uri = sqlite://\npath = {}", data.display())
            }
        };
        let config = data.join("trytond.conf");
        let mut settings = format!("[database]\n{database}\n\n[web]\nlisten = 127.0.0.1:{port}\n");
        if let Some(pages) = installation.pages() {
            settings.push_str(&format!("root = {}\n", pages.display()));
        }
        crate::development::write(&config, &settings)?;
        let log = data.join("server.log");
        let out = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = Command::new(installation.folder.join(".venv/bin/python"));
        command
            .arg(installation.folder.join(".venv/bin/trytond"))
            .arg("-c")
            .arg(&config)
            .args(["-d", name])
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .kill_on_drop(true);
        // Ctrl-C is meant for us; the server is stopped after those who talk to it.
        #[cfg(unix)]
        command.process_group(0);
        let mut server = Self {
            child: command.spawn().context("Tryton cannot be started")?,
        };
        server.answers(port, &log).await?;
        Ok(server)
    }

    async fn answers(&mut self, port: u16, log: &Path) -> anyhow::Result<()> {
        let end = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("Tryton ended with {status}: {}", tail(log));
            }
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(());
            }
            if tokio::time::Instant::now() > end {
                bail!("Tryton does not answer on port {port}: {}", tail(log));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// `kill -9`, and waits until it is gone.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        // Tryton keeps all it has said to have done in its database, so that it can be ended at any moment.
        self.child.kill().await.context("Tryton cannot be stopped")
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(5)..)
        .unwrap_or_default()
        .join("\n")
}
