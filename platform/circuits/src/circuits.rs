//! The circuits of all connections that somebody calls.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use canonical_model::{Failure, Result, WriteResult, clock};
use chrono::{DateTime, Utc};
use tokio::sync::watch;

use crate::scope::{self, LetIn};
use crate::state::{Entry, State, Turn};
use crate::{CircuitSettings, Pause};

/// The code of a call that was not sent because its connection is paused.
pub(crate) const PAUSED: &str = "connection_paused";
/// The code of a call that was not sent because enough work waits for its connection.
const BUSY: &str = "connection_busy";
/// Codes that say of the system, not of a record in it, that it cannot be used now.
const DOWN: [&str; 10] = [
    "api_unavailable",
    "connection_failed",
    // Said by the API in front of the system, which asks it for everybody.
    PAUSED,
    "no_answer",
    "own_limit_reached",
    "request_timed_out",
    "timeout",
    "token_issuer_unavailable",
    "vendor_limit_reached",
    "vendor_unavailable",
];

/// What a call's end says about its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The system answered, be it with a refusal.
    Alive,
    /// The system cannot be used now.
    Down(Failure),
}

impl News {
    /// What a failure says.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        if failure.is_transient() && DOWN.contains(&failure.code.as_str()) {
            Self::Down(failure.clone())
        } else {
            Self::Alive
        }
    }

    /// What the results of a batch say: that the system is down, where each of them is a failure that does.
    #[must_use]
    pub fn of_batch(results: &[WriteResult]) -> Self {
        let mut down: Option<Failure> = None;
        for result in results {
            let news = result.failure.as_ref().map(Self::of);
            let Some(Self::Down(failure)) = news else {
                return Self::Alive;
            };
            let longer = |known: &Failure| failure.retry_after_ms > known.retry_after_ms;
            if down.as_ref().is_none_or(longer) {
                down = Some(failure);
            }
        }
        down.map_or(Self::Alive, Self::Down)
    }
}

/// The circuits of all connections that somebody calls. Clones share them.
#[derive(Clone, Default)]
pub struct Circuits {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    settings: CircuitSettings,
    connections: Mutex<BTreeMap<String, State>>,
    changed: watch::Sender<u64>,
}

impl Circuits {
    /// Circuits in which nothing is paused.
    #[must_use]
    pub fn new(settings: CircuitSettings) -> Self {
        Self {
            inner: Arc::new(Inner {
                settings,
                ..Inner::default()
            }),
        }
    }

    /// Makes a call to a connection, unless it is paused or busy. `news` judges what a successful call brought back.
    ///
    /// # Errors
    /// Transient `connection_paused` or `connection_busy` at the connection, with nothing sent; the failure of the call.
    pub async fn call<T>(
        &self,
        connection: &str,
        call: impl Future<Output = Result<T>>,
        news: impl FnOnce(&T) -> News,
    ) -> Result<T> {
        let mut pass = self.enter(connection)?;
        let result = call.await;
        pass.news = Some(match &result {
            Ok(answer) => news(answer),
            Err(failure) => News::of(failure),
        });
        result
    }

    /// Whether a call would be sent now: asked before something is prepared that only a call can use.
    ///
    /// # Errors
    /// Transient `connection_paused`.
    pub fn check(&self, connection: &str) -> Result<()> {
        let now = clock::now();
        let all = self.lock();
        let Some(state) = all.get(connection) else {
            return Ok(());
        };
        match &state.pause {
            Some(pause) if state.room(now, &self.inner.settings, 1) == 0 => {
                Err(paused(connection, pause.next_probe_at, now))
            }
            _ => Ok(()),
        }
    }

    /// The connection that a piece of work has to wait for after this failure, where waiting is what helps.
    #[must_use]
    pub fn held_by<'f>(&self, failure: &'f Failure) -> Option<&'f str> {
        let connection = failure.source.as_deref().filter(|_| failure.is_transient())?;
        let here = matches!(failure.code.as_str(), PAUSED | BUSY);
        let paused = || self.lock().get(connection).is_some_and(|s| s.pause.is_some());
        (here || paused()).then_some(connection)
    }

    /// How many pieces of work that wait for a connection may come now: all, where it is well; one, where a probe is due;
    /// what is left of the share, where it is slow.
    #[must_use]
    pub fn room(&self, connection: &str, share: usize) -> usize {
        let all = self.lock();
        all.get(connection).map_or(usize::MAX, |state| {
            state.room(clock::now(), &self.inner.settings, share.max(1))
        })
    }

    /// How much work waits for slow connections beyond its share there: it was let in before they were slow.
    #[must_use]
    pub fn beyond(&self, share: usize) -> usize {
        let now = clock::now();
        let all = self.lock();
        all.values()
            .filter(|state| state.is_slow(now, &self.inner.settings))
            .map(|state| state.holders.saturating_sub(share))
            .sum()
    }

    /// When the next probe is due, where that is still to come.
    #[must_use]
    pub fn next_probe_at(&self) -> Option<DateTime<Utc>> {
        let now = clock::now();
        let all = self.lock();
        let pauses = all.values().filter_map(|state| state.pause.as_ref());
        pauses
            .map(|pause| pause.next_probe_at)
            .filter(|at| *at > now)
            .min()
    }

    /// The connections that are paused, by name.
    #[must_use]
    pub fn pauses(&self) -> Vec<Pause> {
        self.lock()
            .values()
            .filter_map(|state| state.pause.clone())
            .collect()
    }

    /// Takes up a pause from before a new start. One that has begun here stands.
    pub fn restore(&self, pause: Pause) {
        let mut all = self.lock();
        let state = all.entry(pause.connection.clone()).or_default();
        state.pause.get_or_insert(pause);
        drop(all);
        self.tell();
    }

    /// Told whenever a pause begins, goes on or ends, and whenever work may come that was turned away.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    fn enter(&self, connection: &str) -> Result<Pass<'_>> {
        let share = scope::newcomer(connection);
        let now = clock::now();
        let entry =
            self.lock()
                .entry(connection.to_owned())
                .or_default()
                .enter(now, &self.inner.settings, share);
        match entry {
            Entry::Through { number, probe } => {
                if share.is_some() {
                    scope::note(LetIn::new(self, connection));
                }
                if probe {
                    tracing::info!(connection, "asking whether a paused connection is back");
                }
                Ok(Pass {
                    circuits: self,
                    connection: connection.to_owned(),
                    number,
                    news: None,
                })
            }
            Entry::Paused(until) => Err(paused(connection, until, now)),
            Entry::Busy => {
                let message = format!("{connection} is slow, and enough work waits for it already");
                Err(Failure::transient("connection_busy", message).at(connection))
            }
        }
    }

    fn leave(&self, connection: &str, number: u64, news: Option<News>) {
        let now = clock::now();
        let (turn, pause) = {
            let mut all = self.lock();
            let state = all.entry(connection.to_owned()).or_default();
            let turn = state.leave(connection, number, news, now, &self.inner.settings);
            (turn, state.pause.clone())
        };
        let Some(turn) = turn else { return };
        self.tell();
        let probe = match (&turn, pause) {
            (Turn::Resumed(since), _) => {
                let paused_s = (now - *since).num_seconds();
                tracing::info!(connection, paused_s, "a connection is back");
                Some("alive")
            }
            (turn, Some(pause)) => {
                tracing::warn!(connection, code = %pause.failure.code, next_probe_at = %pause.next_probe_at,
                    failed_probes = pause.failed_probes, "a connection is paused");
                (*turn == Turn::StillPaused).then_some("down")
            }
            _ => None,
        };
        if let Some(outcome) = probe {
            let labels = [
                ("connection", connection.to_owned()),
                ("outcome", outcome.to_owned()),
            ];
            metrics::counter!("connection_probes_total", &labels).increment(1);
        }
    }

    /// A piece of work that was let in has ended.
    pub(crate) fn goes(&self, connection: &str) {
        let mut all = self.lock();
        let Some(state) = all.get_mut(connection) else {
            return;
        };
        state.holders = state.holders.saturating_sub(1);
        let told = std::mem::take(&mut state.turned_away);
        drop(all);
        if told {
            self.tell();
        }
    }

    fn tell(&self) {
        self.inner
            .changed
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.inner
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call under way. It ends when this is dropped.
struct Pass<'c> {
    circuits: &'c Circuits,
    connection: String,
    number: u64,
    news: Option<News>,
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.circuits
            .leave(&self.connection, self.number, self.news.take());
    }
}

fn paused(connection: &str, until: DateTime<Utc>, now: DateTime<Utc>) -> Failure {
    let ms = u64::try_from((until - now).num_milliseconds())
        .unwrap_or_default()
        .max(1);
    let message = format!("{connection} does not answer and is asked again at {until}; nothing was sent");
    Failure::transient("connection_paused", message)
        .at(connection)
        .retry_after_ms(ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work;
    use std::time::Duration;

    fn quick() -> Circuits {
        Circuits::new(CircuitSettings {
            failures: 2,
            first_pause_ms: 30,
            longest_pause_ms: 60,
            slow_ms: 20,
            ..CircuitSettings::default()
        })
    }

    async fn fails(circuits: &Circuits, code: &str) -> Failure {
        let failure = Failure::transient(code, "on purpose").at("erp/main");
        let call = std::future::ready(Err::<(), _>(failure));
        match circuits.call("erp/main", call, |()| News::Alive).await {
            Err(failure) => failure,
            Ok(()) => unreachable!("the call fails"),
        }
    }

    async fn works(circuits: &Circuits, connection: &str) -> Result<()> {
        circuits
            .call(connection, std::future::ready(Ok(())), |()| News::Alive)
            .await
    }

    #[tokio::test]
    async fn a_pause_holds_one_connection_only_and_ends_with_the_first_answer() {
        let circuits = quick();
        let mut changes = circuits.changes();
        fails(&circuits, "vendor_unavailable").await;
        let second = fails(&circuits, "no_answer").await;
        assert_eq!(circuits.held_by(&second), Some("erp/main"));
        assert!(changes.has_changed().is_ok_and(|changed| changed));
        let unsent = fails(&circuits, "no_answer").await;
        assert_eq!(
            (unsent.code.as_str(), unsent.is_unknown()),
            ("connection_paused", false)
        );
        assert!(unsent.retry_after_ms.is_some_and(|ms| ms <= 30));
        assert!(circuits.check("erp/main").is_err());
        assert_eq!(
            (works(&circuits, "psa/main").await, circuits.check("psa/main")),
            (Ok(()), Ok(()))
        );
        assert_eq!(circuits.pauses().len(), 1);
        changes.borrow_and_update();
        while works(&circuits, "erp/main").await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(changes.has_changed().is_ok_and(|changed| changed));
        assert_eq!(
            (circuits.pauses(), circuits.room("erp/main", 1)),
            (Vec::new(), usize::MAX)
        );
    }

    #[tokio::test]
    async fn a_record_that_somebody_holds_pauses_nothing() {
        let circuits = quick();
        for _ in 0..20 {
            let failure = fails(&circuits, "record_locked").await;
            assert_eq!(circuits.held_by(&failure), None);
        }
        assert!(circuits.pauses().is_empty());
    }

    #[tokio::test]
    async fn a_pause_is_taken_up_after_a_new_start() {
        let before = quick();
        fails(&before, "timeout").await;
        fails(&before, "timeout").await;
        let after = quick();
        before.pauses().into_iter().for_each(|pause| after.restore(pause));
        assert_eq!(after.pauses(), before.pauses());
        assert!(after.check("erp/main").is_err());
    }

    #[tokio::test]
    async fn work_waits_for_a_hanging_connection_in_its_share_only() {
        let circuits = quick();
        let hanging = |circuits: Circuits| {
            tokio::spawn(work(2, async move {
                let never = std::future::pending::<Result<()>>();
                circuits.call("erp/main", never, |()| News::Alive).await
            }))
        };
        let (first, second) = (hanging(circuits.clone()), hanging(circuits.clone()));
        let refused = loop {
            match work(2, works(&circuits, "erp/main")).await {
                Ok(()) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(failure) => break failure,
            }
        };
        assert_eq!(refused.code, "connection_busy");
        assert_eq!(circuits.held_by(&refused), Some("erp/main"));
        assert_eq!(work(2, works(&circuits, "psa/main")).await, Ok(()));
        let mut changes = circuits.changes();
        first.abort();
        assert!(changes.changed().await.is_ok());
        assert_eq!(work(2, works(&circuits, "erp/main")).await, Ok(()));
        second.abort();
    }
}
