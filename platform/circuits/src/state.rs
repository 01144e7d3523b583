//! One connection's circuit, as a function of time and news. It knows no clock.

use std::collections::BTreeMap;

use canonical_model::{CanonicalId, Failure};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::circuits::PAUSED;
use crate::{CircuitSettings, News};

/// A connection that is not called for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The connection, such as `erp/main`.
    pub connection: String,
    /// Since when it is paused.
    pub since: DateTime<Utc>,
    /// When one call may find out whether it is back.
    pub next_probe_at: DateTime<Utc>,
    /// Probes that found it still down.
    pub failed_probes: u32,
    /// What it failed with last.
    pub failure: Failure,
}

/// What a caller is told at the door.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It may call.
    Through {
        /// The number of the call.
        number: u64,
        /// Whether the call finds out if the connection is back.
        probe: bool,
    },
    /// Nobody calls until then.
    Paused(DateTime<Utc>),
    /// Enough work waits for this connection.
    Busy,
}

/// What a call's end changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The connection is paused from now on.
    Paused,
    /// The probe failed; the pause goes on.
    StillPaused,
    /// The connection is back; it was paused since.
    Resumed(DateTime<Utc>),
}

#[derive(Default)]
pub(crate) struct State {
    /// In a row, while it is not paused.
    failures: u32,
    pub(crate) pause: Option<Pause>,
    /// Doublings of the next pause.
    doublings: u32,
    resumed_at: Option<DateTime<Utc>>,
    /// The call that is the probe, and since when.
    probe: Option<(u64, DateTime<Utc>)>,
    calls: u64,
    under_way: BTreeMap<u64, DateTime<Utc>>,
    /// Pieces of work that were let in and have not ended.
    pub(crate) holders: usize,
    /// Somebody was told that it is busy.
    pub(crate) turned_away: bool,
}

impl State {
    /// Asks for a call. `share` is how much work may wait here at once while the connection is slow, for work that
    /// has not been let in yet.
    pub(crate) fn enter(
        &mut self,
        now: DateTime<Utc>,
        settings: &CircuitSettings,
        share: Option<usize>,
    ) -> Entry {
        let mut probe = false;
        if let Some(pause) = &self.pause {
            if now < pause.next_probe_at {
                return Entry::Paused(pause.next_probe_at);
            }
            if let Some((_, began)) = self.probe {
                // One that hangs is not waited for for ever.
                let given_up = began + millis(settings.longest_pause_ms);
                if now < given_up {
                    return Entry::Paused((now + millis(settings.first_pause_ms)).min(given_up));
                }
            }
            probe = true;
        }
        if share.is_some_and(|share| self.holders >= share && self.is_slow(now, settings)) {
            self.turned_away = true;
            return Entry::Busy;
        }
        if share.is_some() {
            self.holders += 1;
        }
        self.calls += 1;
        self.under_way.insert(self.calls, now);
        if probe {
            self.probe = Some((self.calls, now));
        }
        Entry::Through {
            number: self.calls,
            probe,
        }
    }

    /// Notes the end of a call; without news where it was given up.
    pub(crate) fn leave(
        &mut self,
        connection: &str,
        number: u64,
        news: Option<News>,
        now: DateTime<Utc>,
        settings: &CircuitSettings,
    ) -> Option<Turn> {
        self.under_way.remove(&number);
        let probe = self.probe.is_some_and(|(probe, _)| probe == number);
        if probe {
            self.probe = None;
        }
        match (news?, &mut self.pause) {
            (News::Alive, None) => {
                self.failures = 0;
                None
            }
            (News::Alive, Some(pause)) if probe => {
                let since = pause.since;
                (self.pause, self.failures, self.resumed_at) = (None, 0, Some(now));
                Some(Turn::Resumed(since))
            }
            (News::Down(failure), Some(pause)) if probe => {
                self.doublings = self.doublings.saturating_add(1);
                pause.failed_probes = pause.failed_probes.saturating_add(1);
                pause.next_probe_at = now + length(settings, self.doublings, &failure);
                pause.failure = failure;
                Some(Turn::StillPaused)
            }
            // Calls that were under way when the pause began say nothing new.
            (_, Some(_)) => None,
            (News::Down(failure), None) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < settings.failures && failure.retry_after_ms.is_none() {
                    return None;
                }
                // Down again soon after it was back: the pauses go on growing.
                let soon = millis(settings.longest_pause_ms);
                let again = self.resumed_at.is_some_and(|at| now - at < soon);
                self.doublings = if again {
                    self.doublings.saturating_add(1)
                } else {
                    0
                };
                self.pause = Some(Pause {
                    connection: connection.to_owned(),
                    since: now,
                    next_probe_at: now + length(settings, self.doublings, &failure),
                    failed_probes: 0,
                    failure,
                });
                Some(Turn::Paused)
            }
        }
    }

    /// How much of the work that waits may come now.
    pub(crate) fn room(&self, now: DateTime<Utc>, settings: &CircuitSettings, share: usize) -> usize {
        match &self.pause {
            Some(pause) if now < pause.next_probe_at => 0,
            Some(_) => match self.probe {
                Some((_, began)) if now < began + millis(settings.longest_pause_ms) => 0,
                _ => 1,
            },
            None if self.is_slow(now, settings) => share.saturating_sub(self.holders),
            None => usize::MAX,
        }
    }

    pub(crate) fn is_slow(&self, now: DateTime<Utc>, settings: &CircuitSettings) -> bool {
        let oldest = self.under_way.first_key_value();
        oldest.is_some_and(|(_, began)| now - *began > millis(settings.slow_ms))
    }
}

/// The pause doubles up to a limit and is spread below it, so that many do not come back at once; a system's own wish is
/// granted. The API in front of a system lets one call through when it says, so that all of its callers come back then.
fn length(settings: &CircuitSettings, doublings: u32, failure: &Failure) -> TimeDelta {
    let wish = failure
        .retry_after_ms
        .unwrap_or_default()
        .min(settings.longest_wish_ms);
    if failure.code == PAUSED {
        return millis(wish.max(1));
    }
    let longest = settings
        .first_pause_ms
        .saturating_mul(1 << doublings.min(20))
        .min(settings.longest_pause_ms)
        .max(1);
    let (_, random) = CanonicalId::generate().0.as_u64_pair();
    let ours = longest - random % (longest / 4 + 1);
    millis(ours.max(wish))
}

/// A span of time, cut where it is longer than any calendar.
pub(crate) fn millis(ms: u64) -> TimeDelta {
    TimeDelta::milliseconds(i64::try_from(ms).unwrap_or(i64::MAX).min(i64::MAX / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        state: State,
        settings: CircuitSettings,
        now: DateTime<Utc>,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                state: State::default(),
                settings: CircuitSettings::default(),
                now: DateTime::UNIX_EPOCH,
            }
        }

        fn wait(&mut self, ms: u64) {
            self.now += millis(ms);
        }

        fn enter(&mut self, share: Option<usize>) -> Entry {
            self.state.enter(self.now, &self.settings, share)
        }

        /// A call that goes through and ends at once; whether it was a probe, and what it changed.
        fn call(&mut self, news: News) -> (bool, Option<Turn>) {
            let Entry::Through { number, probe } = self.enter(None) else {
                return (false, None);
            };
            let turn = self
                .state
                .leave("erp/main", number, Some(news), self.now, &self.settings);
            (probe, turn)
        }

        fn pause(&mut self) {
            while self.call(down(None)).1 != Some(Turn::Paused) {}
        }
    }

    fn down(wish: Option<u64>) -> News {
        let failure = Failure::transient("vendor_unavailable", "the vendor is down");
        News::Down(match wish {
            Some(ms) => failure.retry_after_ms(ms),
            None => failure,
        })
    }

    #[test]
    fn failures_in_a_row_pause_and_successes_between_them_do_not() {
        let mut bench = Bench::new();
        for _ in 0..20 {
            assert_eq!(bench.call(down(None)), (false, None));
            assert_eq!(bench.call(down(None)), (false, None));
            assert_eq!(bench.call(News::Alive), (false, None));
        }
        bench.pause();
        assert!(matches!(bench.enter(None), Entry::Paused(until) if until > bench.now));
        assert_eq!(bench.state.room(bench.now, &bench.settings, 8), 0);
    }

    #[test]
    fn one_probe_at_a_time_at_growing_pauses_and_at_last_the_full_rate() {
        let mut bench = Bench::new();
        bench.pause();
        let (mut probes, mut calls) = (0, 0);
        // Ten minutes in which somebody wants to call every 100 ms.
        for _ in 0..6_000 {
            bench.wait(100);
            calls += 1;
            let (probe, turn) = bench.call(down(None));
            assert_eq!(probe, turn == Some(Turn::StillPaused));
            probes += usize::from(probe);
        }
        assert!((20..=35).contains(&probes), "{probes} probes for {calls} calls");
        let began = bench.now;
        let resumed = loop {
            bench.wait(100);
            if let (true, Some(Turn::Resumed(_))) = bench.call(News::Alive) {
                break bench.now;
            }
        };
        assert!(resumed - began <= millis(bench.settings.longest_pause_ms + 100));
        assert_eq!(bench.state.room(bench.now, &bench.settings, 8), usize::MAX);
        for _ in 0..100 {
            assert!(matches!(bench.enter(None), Entry::Through { probe: false, .. }));
        }
    }

    #[test]
    fn while_a_probe_is_under_way_nobody_else_calls_until_it_hangs() {
        let mut bench = Bench::new();
        bench.pause();
        bench.wait(1_000);
        assert_eq!(bench.state.room(bench.now, &bench.settings, 8), 1);
        assert!(matches!(bench.enter(None), Entry::Through { probe: true, .. }));
        assert!(matches!(bench.enter(None), Entry::Paused(_)));
        assert_eq!(bench.state.room(bench.now, &bench.settings, 8), 0);
        bench.wait(30_000);
        assert!(matches!(bench.enter(None), Entry::Through { probe: true, .. }));
    }

    #[test]
    fn a_probe_that_is_given_up_makes_room_for_another() {
        let mut bench = Bench::new();
        bench.pause();
        bench.wait(1_000);
        let Entry::Through { number, probe: true } = bench.enter(None) else {
            unreachable!("a probe was due")
        };
        let turn = bench
            .state
            .leave("erp/main", number, None, bench.now, &bench.settings);
        assert_eq!(turn, None);
        assert!(matches!(bench.enter(None), Entry::Through { probe: true, .. }));
    }

    #[test]
    fn a_system_that_asks_to_be_left_alone_is() {
        let mut bench = Bench::new();
        assert_eq!(bench.call(down(Some(120_000))).1, Some(Turn::Paused));
        bench.wait(119_999);
        assert!(matches!(bench.enter(None), Entry::Paused(_)));
        bench.wait(1);
        assert_eq!(
            bench.call(down(Some(86_400_000))),
            (true, Some(Turn::StillPaused))
        );
        bench.wait(bench.settings.longest_wish_ms);
        assert!(bench.call(News::Alive).0);
    }

    #[test]
    fn what_was_under_way_before_the_pause_neither_lengthens_nor_ends_it() {
        let mut bench = Bench::new();
        let Entry::Through { number: early, .. } = bench.enter(None) else {
            unreachable!("nothing is paused")
        };
        let Entry::Through { number: late, .. } = bench.enter(None) else {
            unreachable!("nothing is paused")
        };
        bench.pause();
        let paused = bench.state.pause.clone();
        for (number, news) in [(early, News::Alive), (late, down(None))] {
            let turn = bench
                .state
                .leave("erp/main", number, Some(news), bench.now, &bench.settings);
            assert_eq!(turn, None);
        }
        assert_eq!(bench.state.pause, paused);
    }

    #[test]
    fn a_system_that_comes_and_goes_is_asked_ever_more_seldom() {
        let mut bench = Bench::new();
        let mut lengths = Vec::new();
        for _ in 0..6 {
            bench.pause();
            let until = bench.state.pause.as_ref().map(|pause| pause.next_probe_at);
            lengths.push((until.unwrap_or_default() - bench.now).num_milliseconds());
            bench.now = until.unwrap_or_default();
            assert!(matches!(bench.call(News::Alive).1, Some(Turn::Resumed(_))));
        }
        assert!(
            lengths.windows(2).all(|pair| pair.first() < pair.last()),
            "{lengths:?}"
        );
        bench.wait(60_000);
        bench.pause();
        let until = bench.state.pause.as_ref().map(|pause| pause.next_probe_at);
        assert!(until.unwrap_or_default() - bench.now <= millis(bench.settings.first_pause_ms));
    }

    #[test]
    fn only_a_share_of_the_work_waits_for_a_slow_connection() {
        let mut bench = Bench::new();
        for _ in 0..5 {
            assert!(
                matches!(bench.enter(Some(2)), Entry::Through { .. }),
                "a quick one has no bound"
            );
        }
        bench.wait(bench.settings.slow_ms + 1);
        assert_eq!(bench.enter(Some(2)), Entry::Busy);
        assert!(bench.state.turned_away);
        assert_eq!(bench.state.room(bench.now, &bench.settings, 2), 0);
        // Work that was let in goes on with its calls, as does what is no work of a worker.
        assert!(matches!(bench.enter(None), Entry::Through { .. }));
        bench.state.holders = 1;
        assert_eq!(bench.state.room(bench.now, &bench.settings, 2), 1);
        assert!(matches!(bench.enter(Some(2)), Entry::Through { .. }));
    }

    #[test]
    fn who_calls_an_api_that_asks_for_everybody_comes_back_when_it_says() {
        let mut bench = Bench::new();
        let told = |ms| News::Down(Failure::transient(PAUSED, "not now").retry_after_ms(ms));
        assert_eq!(bench.call(told(20_000)).1, Some(Turn::Paused));
        bench.wait(19_999);
        assert!(matches!(bench.enter(None), Entry::Paused(_)));
        bench.wait(1);
        assert_eq!(bench.call(told(300)).1, Some(Turn::StillPaused));
        bench.wait(300);
        assert!(matches!(bench.call(News::Alive), (true, Some(Turn::Resumed(_)))));
    }
}
