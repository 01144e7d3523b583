//! Pieces of work whose calls are counted together, so that a connection that hangs does not keep all workers waiting.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use crate::Circuits;

tokio::task_local! {
    static WORK: Work;
}

struct Work {
    share: usize,
    let_in: Mutex<Vec<LetIn>>,
}

/// A piece of work that was let in to a connection, until it ends.
pub(crate) struct LetIn {
    circuits: Circuits,
    connection: String,
}

impl LetIn {
    pub(crate) fn new(circuits: &Circuits, connection: &str) -> Self {
        Self {
            circuits: circuits.clone(),
            connection: connection.to_owned(),
        }
    }
}

impl Drop for LetIn {
    fn drop(&mut self) {
        self.circuits.goes(&self.connection);
    }
}

/// One piece of work, such as a step in the hands of a worker. While a connection is slow, at most `share` pieces wait for
/// it at once; the next one is refused with `connection_busy` and shall come again later. Work that was let in to a
/// connection stays so until it ends, however many calls it makes.
pub async fn work<F: Future>(share: usize, work: F) -> F::Output {
    let scope = Work {
        share: share.max(1),
        let_in: Mutex::default(),
    };
    WORK.scope(scope, work).await
}

/// The share of the work around, where it has not been let in to this connection yet.
pub(crate) fn newcomer(connection: &str) -> Option<usize> {
    let share = WORK.try_with(|work| {
        let let_in = work.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        let known = let_in.iter().any(|one| one.connection == connection);
        (!known).then_some(work.share)
    });
    share.ok().flatten()
}

/// Notes that the work around was let in.
pub(crate) fn note(let_in: LetIn) {
    // Called only where a share was found, hence within work.
    let _within_work = WORK.try_with(|work| {
        let mut all = work.let_in.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(let_in);
    });
}
