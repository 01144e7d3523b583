//! The engine: processes, services and workers over one database.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use canonical_model::{CanonicalId, Failure, Result};
use circuits::Circuits;
use futures_util::future::BoxFuture;
use persistence::{Database, Tx, args};
use serde::Serialize;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::core::Core;
use crate::desk::Desk;
use crate::fault::Faults;
use crate::outline::Outline;
use crate::process::{AnyProcess, Process, State};
use crate::work::{FORWARD, at_risk_args, json};
use crate::{EngineSettings, Start, Started, dispatch, pauses, resolve};

/// Longest that [`Engine::stop`] waits for steps that are under way.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// Wraps the work on an instance, such as with a scope that knows its correlation id.
pub(crate) type Around = Arc<dyn Fn(String, BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync>;

/// Runs instances of processes. Clones share it. What people see and decide is on [`Desk`], to which this dereferences.
pub struct Engine<Sv> {
    pub(crate) inner: Arc<Inner<Sv>>,
    desk: Desk,
}

impl<Sv> Clone for Engine<Sv> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            desk: self.desk.clone(),
        }
    }
}

impl<Sv> Deref for Engine<Sv> {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

pub(crate) struct Inner<Sv> {
    pub(crate) core: Arc<Core>,
    pub(crate) services: Arc<Sv>,
    pub(crate) processes: Vec<Arc<dyn AnyProcess<Sv>>>,
    pub(crate) around: Option<Around>,
    /// One permit for each worker that is free.
    pub(crate) workers: Arc<Semaphore>,
    /// Instances in the hands of this engine's workers, with their fences.
    held: Mutex<HashMap<CanonicalId, i64>>,
    pub(crate) tasks: TaskTracker,
    /// No new step is begun.
    pub(crate) stopping: CancellationToken,
    /// All steps have ended.
    pub(crate) stopped: CancellationToken,
    /// Steps are dropped where they stand.
    pub(crate) killed: CancellationToken,
}

/// Puts an engine together.
pub struct EngineBuilder<Sv> {
    db: Database,
    services: Arc<Sv>,
    settings: EngineSettings,
    source: String,
    processes: Vec<Arc<dyn AnyProcess<Sv>>>,
    around: Option<Around>,
    circuits: Circuits,
    faults: Faults,
}

impl<Sv: Send + Sync + 'static> Engine<Sv> {
    /// Begins with a database that holds [`crate::MIGRATIONS`], and what steps call services.
    #[must_use]
    pub fn builder(db: Database, services: Arc<Sv>, settings: EngineSettings) -> EngineBuilder<Sv> {
        EngineBuilder {
            db,
            services,
            settings,
            source: "/process".to_owned(),
            processes: Vec::new(),
            around: None,
            circuits: Circuits::default(),
            faults: Faults::default(),
        }
    }

    /// Starts an instance in the caller's transaction, unless its business key has one.
    ///
    /// # Errors
    /// Fault `process_unknown`, `state_unreadable`; failures of the database.
    pub async fn start_in<S>(&self, tx: &mut Tx, start: Start<'_, S>) -> Result<Started>
    where
        S: Serialize + Sync,
    {
        let process = self.inner.newest(start.process)?;
        let saved = process.describe(&json(start.state)?)?;
        let outline = process.outline();
        let (id, now) = (CanonicalId::generate(), canonical_model::clock::now());
        let sql = "INSERT INTO engine_instances (id, process, version, business_key, title, correlation_id, status,
                direction, step_index, step_name, step_since_ms, sequence, state, attempt, due_ms, fence, started_ms,
                updated_ms, money_amount, money_currency, legal_entity, region)
            VALUES ($1, $2, $3, $4, $5, $6, 'ready', $7, 0, $8, $9, 0, $10, 0, $9, 0, $9, $9, $11, $12, $13, $14)
            ON CONFLICT (process, business_key) DO NOTHING";
        let mut values = args![
            id,
            outline.name,
            i64::from(outline.version),
            start.business_key,
            saved.title
        ];
        values.extend(args![
            start.correlation_id,
            FORWARD,
            outline.step_name(0),
            now,
            &saved.state
        ]);
        values.extend(at_risk_args(&saved.at_risk));
        if tx.execute(sql, values).await? == 0 {
            let sql = "SELECT id FROM engine_instances WHERE process = $1 AND business_key = $2";
            let row = tx.one(sql, args![outline.name, start.business_key]).await?;
            let gone =
                || Failure::transient("database_busy", "an instance is being started at the same time");
            return Ok(Started {
                instance_id: row.ok_or_else(gone)?.id("id")?,
                new: false,
            });
        }
        let sql = "INSERT INTO engine_journal (instance_id, sequence, kind, step_index, step_name, state, tries, since_ms,
                at_ms)
            VALUES ($1, 0, 'started', -1, '', $2, 0, $3, $3)";
        tx.execute(sql, args![id, &saved.state, now]).await?;
        let core = Arc::clone(&self.inner.core);
        tx.after_commit(move || core.work.notify_one());
        Ok(Started {
            instance_id: id,
            new: true,
        })
    }

    /// Starts an instance in a transaction of its own.
    ///
    /// # Errors
    /// As [`Engine::start_in`].
    pub async fn start<S>(&self, start: Start<'_, S>) -> Result<Started>
    where
        S: Serialize + Sync,
    {
        let (engine, state) = (
            self.clone(),
            serde_json::to_value(start.state).map_err(|e| unwritable(&e))?,
        );
        let texts = [start.process, start.business_key, start.correlation_id].map(str::to_owned);
        self.inner
            .core
            .db
            .write(move |tx| {
                Box::pin(async move {
                    let [process, business_key, correlation_id] = &texts;
                    let start = Start {
                        process,
                        business_key,
                        correlation_id,
                        state: &state,
                    };
                    engine.start_in(tx, start).await
                })
            })
            .await
    }

    /// What people see and decide.
    #[must_use]
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Ends: no step is begun any more, those under way are given time to end.
    pub async fn stop(&self) {
        self.inner.stopping.cancel();
        self.inner.tasks.close();
        if tokio::time::timeout(STOP_WITHIN, self.inner.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("steps were still under way; another start takes them up");
        }
        self.kill();
    }

    /// Waits until nothing runs any more.
    #[cfg(feature = "testing")]
    pub(crate) async fn ended(&self) {
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }

    /// Drops everything where it stands, as the end of the process would.
    pub(crate) fn kill(&self) {
        self.inner.killed.cancel();
        self.inner.stopping.cancel();
        self.inner.stopped.cancel();
    }
}

impl<Sv: Send + Sync + 'static> EngineBuilder<Sv> {
    /// Adds a process. Several versions of one can stand side by side; instances are started at the newest.
    #[must_use]
    pub fn process<St: State>(mut self, process: Process<St, Sv>) -> Self {
        self.processes.push(Arc::new(process));
        self
    }

    /// The API as the source of events, such as `/process/quote-to-project`.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Wraps the work on each instance: called with its correlation id and the work.
    #[must_use]
    pub fn around<F>(mut self, around: F) -> Self
    where
        F: Fn(String, BoxFuture<'static, ()>) -> BoxFuture<'static, ()> + Send + Sync + 'static,
    {
        self.around = Some(Arc::new(around));
        self
    }

    /// The circuits that services make their calls through: instances whose step meets a paused connection wait for it.
    #[must_use]
    pub fn circuits(mut self, circuits: Circuits) -> Self {
        self.circuits = circuits;
        self
    }

    /// Makes the engine fail where a test wants it to.
    #[cfg(feature = "testing")]
    #[must_use]
    pub fn faults(mut self, plan: Arc<dyn crate::FaultPlan>) -> Self {
        self.faults = Faults(Some(plan));
        self
    }

    /// Starts the workers. Instances that were under way are taken up where their leases end.
    ///
    /// # Errors
    /// Fault `process_definition`; failures of the database.
    pub async fn start(self) -> Result<Engine<Sv>> {
        let engine = self.assemble().await?;
        let inner = &engine.inner;
        let tasks = &inner.tasks;
        tasks.spawn(unless_killed(
            inner.killed.clone(),
            dispatch::dispatch(Arc::clone(inner)),
        ));
        tasks.spawn(unless_killed(
            inner.killed.clone(),
            resolve::carry_out(Arc::clone(inner)),
        ));
        tasks.spawn(unless_killed(
            inner.killed.clone(),
            pauses::follow(Arc::clone(inner)),
        ));
        tasks.spawn(unless_killed(
            inner.killed.clone(),
            dispatch::count(Arc::clone(inner)),
        ));
        // Not one of the tasks that a stop waits for: leases are renewed until the last step has ended.
        tokio::spawn(dispatch::renew(Arc::clone(inner)));
        Ok(engine)
    }

    /// The engine without its workers.
    pub(crate) async fn assemble(self) -> Result<Engine<Sv>> {
        let outlines: Vec<Outline> = self
            .processes
            .iter()
            .map(|process| process.outline().clone())
            .collect();
        check(&outlines)?;
        let core = Arc::new(Core {
            db: self.db,
            settings: self.settings,
            source: self.source,
            owner: CanonicalId::generate().to_string(),
            outlines,
            circuits: self.circuits,
            anybody_held: true.into(),
            held_seen_ms: 0.into(),
            work: Notify::new(),
            decisions: Notify::new(),
            moved: watch::Sender::new(0),
            faults: self.faults,
        });
        report_unknown(&core).await?;
        pauses::restore(&core).await?;
        let workers = usize::try_from(core.settings.workers.max(1)).unwrap_or(1);
        let inner = Arc::new(Inner {
            core: Arc::clone(&core),
            services: self.services,
            processes: self.processes,
            around: self.around,
            workers: Arc::new(Semaphore::new(workers)),
            held: Mutex::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            stopped: CancellationToken::new(),
            killed: CancellationToken::new(),
        });
        Ok(Engine {
            inner,
            desk: Desk { core },
        })
    }
}

async fn unless_killed(killed: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        () = killed.cancelled() => {}
    }
}

impl<Sv> Inner<Sv> {
    pub(crate) fn process(&self, name: &str, version: i64) -> Option<&Arc<dyn AnyProcess<Sv>>> {
        self.processes
            .iter()
            .find(|process| process.outline().name == name && i64::from(process.outline().version) == version)
    }

    fn newest(&self, name: &str) -> Result<&Arc<dyn AnyProcess<Sv>>> {
        let named = self
            .processes
            .iter()
            .filter(|process| process.outline().name == name);
        named
            .max_by_key(|process| process.outline().version)
            .ok_or_else(|| Failure::fault("process_unknown", format!("there is no process {name:?} here")))
    }

    pub(crate) fn hold(&self, id: CanonicalId, fence: i64) {
        self.held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, fence);
    }

    /// Only where it is still held under the same lease.
    pub(crate) fn release(&self, id: CanonicalId, fence: i64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.get(&id) == Some(&fence) {
            held.remove(&id);
        }
    }

    pub(crate) fn held(&self) -> Vec<(CanonicalId, i64)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(|(id, fence)| (*id, *fence)).collect()
    }
}

fn check(outlines: &[Outline]) -> Result<()> {
    let mut names: Vec<_> = outlines
        .iter()
        .map(|outline| (outline.name, outline.version))
        .collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(Failure::fault(
            "process_definition",
            "one version of a process is declared twice",
        ));
    }
    outlines.iter().try_for_each(Outline::check)
}

/// Instances of a process or version that is gone wait for ever: somebody has to know.
async fn report_unknown(core: &Core) -> Result<()> {
    let rows = core.db.read(|tx| {
        Box::pin(async move {
            let sql = "SELECT process, version, COUNT(*) AS instances FROM engine_instances
                WHERE ended_ms IS NULL GROUP BY process, version";
            tx.all(sql, args![]).await
        })
    });
    for row in rows.await? {
        let (process, version) = (row.text("process")?, row.int("version")?);
        if core.outline(&process, version).is_none() {
            let instances = row.int("instances")?;
            tracing::error!(%process, version, instances, "instances wait for a process that is not declared here");
        }
    }
    Ok(())
}

fn unwritable(error: &serde_json::Error) -> Failure {
    Failure::fault("state_unwritable", "a process state cannot be written as JSON")
        .with_detail(error.to_string())
}
