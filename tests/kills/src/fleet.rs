//! The real binaries as processes of their own, beside twins that outlive them.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use chrono::Utc;
use fairlead::{BINARIES, Development};
use toml::{Table, Value};

/// How long a binary may take to be ready.
const START_WITHIN: Duration = Duration::from_secs(120);
/// Errors, and which effects were settled by a look-up.
const LOG: &str = "error,process_engine::effect=info";

const TWINS: &str = "vendor-twins";

/// The system and process APIs, and the twins.
pub(crate) struct Fleet {
    pub(crate) set_up: Development,
    folder: PathBuf,
    http: reqwest::Client,
    twins: Process,
    members: Vec<Member>,
}

/// A binary at work.
pub(crate) struct Member {
    pub(crate) name: &'static str,
    process: Process,
    /// When it was started last, in milliseconds since 1970.
    pub(crate) since_ms: i64,
    /// Whether it has said that it is ready.
    ready: Arc<AtomicBool>,
}

impl Member {
    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }
}

/// A process that dies with its handle.
struct Process(Child);

impl Process {
    /// `kill -9`; gives back once it is gone.
    fn kill(&mut self) -> std::io::Result<()> {
        self.0.kill()?;
        self.0.wait().map(drop)
    }

    fn still_runs(&mut self, name: &str) -> anyhow::Result<()> {
        match self.0.try_wait()? {
            Some(status) => bail!("{name} ended by itself with {status}: see its log"),
            None => Ok(()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.kill();
    }
}

impl Fleet {
    /// Starts the twins, then every system and process API, and waits until all are ready.
    pub(crate) async fn start(set_up: &Development, folder: &Path) -> anyhow::Result<Self> {
        let http = http(Duration::from_secs(2))?;
        let mut twins = spawn(set_up, folder, TWINS, &ports_of_twins(set_up)?)?;
        for twin in ["salesforce", "netsuite", "kantata", "openid"] {
            answers(
                &http,
                &format!("{}/_twin/health", set_up.url(twin)),
                TWINS,
                &mut twins,
            )
            .await?;
        }
        let mut fleet = Self {
            set_up: set_up.clone(),
            folder: folder.to_owned(),
            http,
            twins,
            members: Vec::new(),
        };
        for name in members() {
            let member = fleet.member(name)?;
            fleet.members.push(member);
        }
        fleet.ready().await?;
        Ok(fleet)
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.members.iter().map(|member| member.name).collect()
    }

    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// `kill -9`, all of them before any is started again.
    pub(crate) fn kill(&mut self, names: &[&'static str]) -> anyhow::Result<()> {
        for member in self.members.iter_mut().filter(|m| names.contains(&m.name)) {
            member.process.still_runs(member.name)?;
            member.process.kill()?;
        }
        Ok(())
    }

    pub(crate) fn start_again(&mut self, names: &[&'static str]) -> anyhow::Result<()> {
        for name in names {
            let again = self.member(name)?;
            if let Some(member) = self.members.iter_mut().find(|m| m.name == *name) {
                *member = again;
            }
        }
        Ok(())
    }

    /// Waits until every API is ready.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        for member in &mut self.members {
            let (name, process) = (member.name, &mut member.process);
            answers(
                &self.http,
                &format!("{}/health/ready", self.set_up.url(name)),
                name,
                process,
            )
            .await?;
        }
        Ok(())
    }

    /// Stops everything.
    pub(crate) fn stop(self) {
        drop(self.members);
        drop(self.twins);
    }

    fn member(&self, name: &'static str) -> anyhow::Result<Member> {
        let ready = Arc::new(AtomicBool::new(false));
        let since_ms = Utc::now().timestamp_millis();
        let process = spawn(&self.set_up, &self.folder, name, &[])?;
        let url = format!("{}/health/ready", self.set_up.url(name));
        let (http, told) = (self.http.clone(), Arc::downgrade(&ready));
        tokio::spawn(async move {
            // Ends with its process: a process that was killed leaves nobody to tell.
            while let Some(ready) = told.upgrade() {
                if http.get(&url).send().await.is_ok_and(|a| a.status().is_success()) {
                    ready.store(true, Ordering::Relaxed);
                    return;
                }
                drop(ready);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Ok(Member {
            name,
            process,
            since_ms,
            ready,
        })
    }
}

/// The binaries that are killed. The experience APIs keep nothing and write nothing.
fn members() -> impl Iterator<Item = &'static str> {
    let names = BINARIES.iter().map(|(name, _)| *name);
    names.filter(|name| !name.ends_with("-experience-api"))
}

fn spawn(set_up: &Development, folder: &Path, name: &str, arguments: &[String]) -> anyhow::Result<Process> {
    let log = set_up.data().join("logs").join(format!("{name}.log"));
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    let path = folder.join(name);
    let child = Command::new(&path)
        .args(arguments)
        .env("FAIRLEAD_CONFIG", set_up.config_file(name))
        .env("FAIRLEAD__TELEMETRY__LEVEL", LOG)
        .current_dir(set_up.data())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .with_context(|| {
            let path = path.display();
            format!("{path} cannot be started; build it: cargo build --workspace --bins")
        })?;
    Ok(Process(child))
}

fn ports_of_twins(set_up: &Development) -> anyhow::Result<Vec<String>> {
    let mut arguments = Vec::new();
    for twin in ["salesforce", "netsuite", "kantata", "openid"] {
        let url = set_up.url(twin);
        let port = url.rsplit(':').next().context("an address without a port")?;
        arguments.extend([format!("--{twin}"), port.to_owned()]);
    }
    Ok(arguments)
}

async fn answers(http: &reqwest::Client, url: &str, name: &str, process: &mut Process) -> anyhow::Result<()> {
    let end = tokio::time::Instant::now() + START_WITHIN;
    while !http.get(url).send().await.is_ok_and(|a| a.status().is_success()) {
        process.still_runs(name)?;
        if tokio::time::Instant::now() > end {
            bail!("{name} is not ready after {} s", START_WITHIN.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "stands for programs outside of the product, which have HTTP clients of their own, and talks to loopback only"
)]
pub(crate) fn http(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    // A kept connection may be closed by the other side in the moment of its next use.
    let builder = reqwest::Client::builder()
        .timeout(timeout)
        .pool_max_idle_per_host(0);
    Ok(builder.build()?)
}

/// What an installation sets generously is short here: a binary is killed every few seconds, and an hour's pause would
/// outlast the proof. Batches are small and few at once, so that one gets somewhere between two kills.
pub(crate) fn quicken(set_up: &Development) -> anyhow::Result<()> {
    for name in members() {
        let file = set_up.config_file(name);
        let mut settings: Table = std::fs::read_to_string(&file)?.parse()?;
        if has_an_engine(name) {
            put(&mut settings, &["engine", "lease_ms"], 2_500);
            put(&mut settings, &["engine", "poll_ms"], 200);
            put(&mut settings, &["engine", "retry", "first_ms"], 100);
            put(&mut settings, &["engine", "retry", "max_ms"], 2_000);
        }
        if name == "time-to-invoice-process-api" {
            put(&mut settings, &["posting", "batch_size"], 50);
            put(&mut settings, &["posting", "batches_at_once"], 2);
            put(&mut settings, &["engine", "workers"], 8);
            put(&mut settings, &["billing", "schedule"], "on_request");
        }
        std::fs::write(&file, settings.to_string())?;
    }
    Ok(())
}

/// Whether a binary runs processes.
pub(crate) fn has_an_engine(name: &str) -> bool {
    [
        "quote-to-project-process-api",
        "time-to-invoice-process-api",
        "invoice-to-cash-process-api",
    ]
    .contains(&name)
}

fn put(table: &mut Table, path: &[&str], value: impl Into<Value>) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        table.insert((*first).to_owned(), value.into());
        return;
    }
    let inner = table
        .entry((*first).to_owned())
        .or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(inner) = inner {
        put(inner, rest, value);
    }
}
