//! Group commit on SQLite: one task writes, many transactions share an fsync.
//!
//! Each transaction is a savepoint in one `BEGIN IMMEDIATE`..`COMMIT`. It fails alone: its savepoint is rolled back, its
//! siblings stay. Callers hear of success only after the commit. While one group syncs, the next gathers.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use canonical_model::{Failure, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{mpsc, oneshot};

use crate::database::Shared;
use crate::failure::{failure, unavailable};
use crate::tx::Connection;
use crate::{Tx, args};

/// Longest that one transaction may hold up the others: statements need milliseconds, so this is a bug's limit.
const LONGEST_JOB: Duration = Duration::from_secs(30);
/// Longest that a group gathers before it commits, so that the first of many small ones is not held up for long.
const LONGEST_GROUP: Duration = Duration::from_millis(50);
const WAITING_JOBS: usize = 4096;

pub(crate) struct Writer {
    queue: mpsc::Sender<Box<dyn Job>>,
}

/// A caller's transaction, without its result type.
trait Job: Send {
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<()>>;
    fn answer(self: Box<Self>, end: Result<()>);
}

struct Work<T, F> {
    work: Option<F>,
    result: Option<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Work<T, F>
where
    F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    T: Send + 'static,
{
    fn run<'t>(&'t mut self, tx: &'t mut Tx) -> BoxFuture<'t, Result<()>> {
        Box::pin(async move {
            let work = self.work.take().ok_or_else(unavailable)?;
            self.result = Some(work(tx).await?);
            tx.conclude().await
        })
    }

    fn answer(self: Box<Self>, end: Result<()>) {
        let result = match (end, self.result) {
            (Ok(()), Some(result)) => Ok(result),
            (Ok(()), None) => Err(unavailable()),
            (Err(failure), _) => Err(failure),
        };
        // The caller may have stopped waiting; the work is done all the same.
        let _gone = self.reply.send(result);
    }
}

impl Writer {
    pub(crate) fn start(pool: SqlitePool, group_size: usize, shared: Arc<Shared>) -> Self {
        let (queue, jobs) = mpsc::channel(WAITING_JOBS);
        tokio::spawn(write_groups(pool, jobs, group_size.max(1), shared));
        Self { queue }
    }

    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work {
            work: Some(work),
            result: None,
            reply,
        });
        self.queue.send(job).await.map_err(|_| unavailable())?;
        answer.await.map_err(|_| unavailable())?
    }
}

async fn write_groups(
    pool: SqlitePool,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    group_size: usize,
    shared: Arc<Shared>,
) {
    while let Some(first) = jobs.recv().await {
        let mut group = Group {
            done: Vec::new(),
            succeeded: 0,
        };
        let end = group.write(&pool, first, &mut jobs, group_size, &shared).await;
        group.answer(&end);
    }
}

struct Group {
    /// Each job with its own failure, where it failed.
    done: Vec<(Box<dyn Job>, Result<()>)>,
    succeeded: u32,
}

impl Group {
    async fn write(
        &mut self,
        pool: &SqlitePool,
        first: Box<dyn Job>,
        jobs: &mut mpsc::Receiver<Box<dyn Job>>,
        group_size: usize,
        shared: &Shared,
    ) -> Result<()> {
        let began = std::time::Instant::now();
        let open = match pool.begin_with("BEGIN IMMEDIATE").await {
            Ok(open) => open,
            Err(error) => {
                self.done.push((first, Ok(())));
                return Err(failure(&error));
            }
        };
        let mut tx = Tx::new(Connection::Sqlite(open));
        let mut next = Some(first);
        while let Some(job) = next {
            self.run(&mut tx, job).await?;
            let full = self.done.len() >= group_size || began.elapsed() > LONGEST_GROUP;
            next = if full { None } else { jobs.try_recv().ok() };
        }
        let Tx {
            connection: Connection::Sqlite(open),
            after_commit,
            told,
            ..
        } = tx
        else {
            return Err(unavailable());
        };
        if self.succeeded == 0 {
            return open.rollback().await.map_err(|e| failure(&e));
        }
        open.commit().await.map_err(|e| failed_commit(&e))?;
        shared.committed(self.succeeded, after_commit, told);
        Ok(())
    }

    /// Runs one job in its savepoint. An error of this is an error of the whole group.
    async fn run(&mut self, tx: &mut Tx, mut job: Box<dyn Job>) -> Result<()> {
        let (hooks, told) = (tx.after_commit.len(), tx.told);
        if let Err(failure) = tx.execute("SAVEPOINT job", args![]).await {
            self.done.push((job, Ok(())));
            return Err(failure);
        }
        let work = AssertUnwindSafe(tokio::time::timeout(LONGEST_JOB, job.run(tx)))
            .catch_unwind()
            .await;
        let result = match work {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Failure::transient("database_busy", "a transaction took too long")),
            Err(_) => Err(Failure::fault(
                "database_work_panicked",
                "a transaction ended in a panic",
            )),
        };
        if result.is_err() {
            tx.broken = None;
            tx.events.clear();
            tx.after_commit.truncate(hooks);
            tx.told = told;
            let undone = tx.execute("ROLLBACK TO job", args![]).await;
            self.done.push((job, result));
            undone?;
        } else {
            self.done.push((job, result));
            self.succeeded += 1;
        }
        tx.execute("RELEASE job", args![]).await?;
        Ok(())
    }

    fn answer(self, end: &Result<()>) {
        for (job, own) in self.done {
            job.answer(own.and_then(|()| end.clone()));
        }
    }
}

/// Nothing of the group is durable: each of it could succeed unchanged later.
fn failed_commit(error: &sqlx::Error) -> Failure {
    unavailable().with_detail(format!("commit failed: {error}"))
}
