//! A database: opened once, shared by clones.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use canonical_model::{Failure, Result};
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::watch;

use crate::failure::{failure, unavailable};
use crate::settings::Address;
use crate::tx::Connection;
use crate::writer::Writer;
use crate::{DatabaseSettings, Migration, Tx, migration};

const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Two processes that make one SQLite file at once can meet in the switch to WAL, which no busy handler covers.
const OPEN_TRIES: u32 = 50;

/// A database. Clones share it.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Backend,
    shared: Arc<Shared>,
}

enum Backend {
    Sqlite {
        writer: Writer,
        writing: SqlitePool,
        reading: SqlitePool,
    },
    Postgres(PgPool),
}

/// What the end of a commit touches.
pub(crate) struct Shared {
    changed: watch::Sender<u64>,
    commits: AtomicU64,
    jobs: AtomicU64,
}

/// The kind of database in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// A file.
    Sqlite,
    /// A schema of a server.
    Postgres,
}

/// How much has been written since the database was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statistics {
    /// Commits, each with its fsync.
    pub commits: u64,
    /// Transactions of callers that they carried.
    pub jobs: u64,
}

impl Database {
    /// Opens a database and brings its tables up to date.
    ///
    /// # Errors
    /// Fault `database_settings`, `migration_changed`, `database_error`; Transient `database_unavailable`.
    pub async fn open(settings: &DatabaseSettings, migrations: &[Migration]) -> Result<Self> {
        let shared = Arc::new(Shared {
            changed: watch::Sender::new(0),
            commits: AtomicU64::new(0),
            jobs: AtomicU64::new(0),
        });
        let backend = match settings.address()? {
            Address::Sqlite(path) => open_sqlite(&path, settings, migrations, &shared).await?,
            Address::Postgres(url) => open_postgres(&url, settings, migrations).await?,
        };
        Ok(Self {
            inner: Arc::new(Inner { backend, shared }),
        })
    }

    /// Opens the SQLite database of a folder, for tests and tools.
    ///
    /// # Errors
    /// As [`Database::open`].
    pub async fn sqlite_in(folder: &Path, migrations: &[Migration]) -> Result<Self> {
        let url = format!("sqlite:{}", folder.join("fairlead.db").display());
        Self::open(&DatabaseSettings::at(url, None), migrations).await
    }

    /// Runs `work` in one transaction and answers once it is durable. Statements only: others wait behind it on SQLite.
    /// Never call this from within `work`. Dropping the future does not take back work that was handed in.
    ///
    /// # Errors
    /// The failure of `work`, which is then rolled back; Transient `database_unavailable` where the commit fails.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        match &self.inner.backend {
            Backend::Sqlite { writer, .. } => writer.write(work).await,
            Backend::Postgres(pool) => {
                let mut tx = Tx::new(Connection::Postgres(pool.begin().await.map_err(|e| failure(&e))?));
                let result = work(&mut tx).await?;
                tx.conclude().await?;
                let Tx {
                    connection: Connection::Postgres(open),
                    after_commit,
                    told,
                    ..
                } = tx
                else {
                    return Err(unavailable());
                };
                open.commit().await.map_err(|e| failure(&e))?;
                self.inner.shared.committed(1, after_commit, told);
                Ok(result)
            }
        }
    }

    /// Runs `work` on one consistent view of the database; it cannot write.
    ///
    /// # Errors
    /// The failure of `work`.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let connection = match &self.inner.backend {
            Backend::Sqlite { reading, .. } => reading.begin().await.map(Connection::Sqlite),
            Backend::Postgres(pool) => {
                let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                pool.begin_with(snapshot).await.map(Connection::Postgres)
            }
        };
        let mut tx = Tx::new(connection.map_err(|e| failure(&e))?);
        let result = work(&mut tx).await;
        // Nothing to lose: an error here cannot change what was read.
        let _ended = match tx.connection {
            Connection::Sqlite(open) => open.rollback().await,
            Connection::Postgres(open) => open.rollback().await,
        };
        result
    }

    /// Changes with every commit of this process that tells an event. Other processes' commits are seen by reading.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.inner.shared.changed.subscribe()
    }

    /// Which engine this is.
    #[must_use]
    pub fn engine(&self) -> EngineKind {
        match self.inner.backend {
            Backend::Sqlite { .. } => EngineKind::Sqlite,
            Backend::Postgres(_) => EngineKind::Postgres,
        }
    }

    /// How much has been written.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            commits: self.inner.shared.commits.load(Ordering::Relaxed),
            jobs: self.inner.shared.jobs.load(Ordering::Relaxed),
        }
    }

    /// Ends all connections, of all clones.
    pub async fn close(&self) {
        match &self.inner.backend {
            Backend::Sqlite { writing, reading, .. } => {
                writing.close().await;
                reading.close().await;
            }
            Backend::Postgres(pool) => pool.close().await,
        }
    }
}

impl Shared {
    /// After a commit that carried `jobs` transactions.
    pub(crate) fn committed(&self, jobs: u32, after_commit: Vec<Box<dyn FnOnce() + Send>>, told: bool) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.jobs.fetch_add(jobs.into(), Ordering::Relaxed);
        metrics::histogram!("database_group_commit_transactions").record(f64::from(jobs));
        after_commit.into_iter().for_each(|then| then());
        if told {
            self.changed.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

async fn open_sqlite(
    path: &Path,
    settings: &DatabaseSettings,
    migrations: &[Migration],
    shared: &Arc<Shared>,
) -> Result<Backend> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| unavailable().with_detail(e.to_string()))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(300);
    let writing = connect_sqlite(&options).await?;
    let mut tx = Tx::new(Connection::Sqlite(
        writing
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|e| failure(&e))?,
    ));
    migration::apply(&mut tx, migrations).await?;
    if let Connection::Sqlite(open) = tx.connection {
        open.commit().await.map_err(|e| failure(&e))?;
    }
    let reading = SqlitePoolOptions::new()
        .max_connections(settings.max_connections.max(1))
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "on"));
    let writer = Writer::start(writing.clone(), settings.group_size, shared.clone());
    Ok(Backend::Sqlite {
        writer,
        writing,
        reading,
    })
}

async fn connect_sqlite(options: &SqliteConnectOptions) -> Result<SqlitePool> {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let mut tries = 0;
    loop {
        match pool
            .clone()
            .connect_with(options.clone())
            .await
            .map_err(|e| failure(&e))
        {
            Err(busy) if busy.code == "database_busy" && tries < OPEN_TRIES => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            other => return other,
        }
    }
}

async fn open_postgres(url: &str, settings: &DatabaseSettings, migrations: &[Migration]) -> Result<Backend> {
    let mut options: PgConnectOptions = url
        .parse()
        .map_err(|_| Failure::fault("database_settings", "database.url is no PostgreSQL address"))?;
    options = options.application_name("fairlead").statement_cache_capacity(300);
    let schema = settings.checked_schema()?;
    if let Some(schema) = schema {
        options = options.options([("search_path", schema)]);
    }
    let pool = PgPoolOptions::new()
        .max_connections(settings.max_connections.max(2))
        .connect_with(options)
        .await
        .map_err(|e| failure(&e))?;
    let mut tx = Tx::new(Connection::Postgres(pool.begin().await.map_err(|e| failure(&e))?));
    if let Some(schema) = schema {
        migration::make_schema(&mut tx, schema).await?;
    }
    migration::apply(&mut tx, migrations).await?;
    if let Connection::Postgres(open) = tx.connection {
        open.commit().await.map_err(|e| failure(&e))?;
    }
    Ok(Backend::Postgres(pool))
}
