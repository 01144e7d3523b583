//! How far load and kills are: they keep pace, so that kills are spread over all of the load.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Deals under way at once.
pub(crate) const AT_ONCE: usize = 6;
/// What a deal goes through: won, staffed, worked, posted, paid.
const STAGES: usize = 5;
/// How far the kills may be ahead of the load, of a hundred.
const AHEAD: usize = 10;

/// How far it is. Shared by the load, the kills and who tells of them.
pub(crate) struct Progress {
    deals: usize,
    kills: u32,
    won: AtomicUsize,
    paid: AtomicUsize,
    stages: AtomicUsize,
    killed: AtomicU32,
    /// Grows with everything that moves.
    moves: AtomicU64,
    began: Instant,
}

impl Progress {
    pub(crate) fn new(deals: usize, kills: u32) -> Self {
        Self {
            deals,
            kills,
            won: AtomicUsize::new(0),
            paid: AtomicUsize::new(0),
            stages: AtomicUsize::new(0),
            killed: AtomicU32::new(0),
            moves: AtomicU64::new(0),
            began: Instant::now(),
        }
    }

    /// Kills that there shall be.
    pub(crate) fn kills(&self) -> u32 {
        self.kills
    }

    pub(crate) fn a_deal_is_won(&self) {
        self.won.fetch_add(1, Ordering::Relaxed);
        self.a_stage_is_done();
    }

    /// A deal is staffed, worked or posted.
    pub(crate) fn a_stage_is_done(&self) {
        self.stages.fetch_add(1, Ordering::Relaxed);
        self.moved();
    }

    pub(crate) fn a_deal_is_paid(&self) {
        self.paid.fetch_add(1, Ordering::Relaxed);
        self.a_stage_is_done();
    }

    pub(crate) fn killed(&self, processes: u32) {
        self.killed.fetch_add(processes, Ordering::Relaxed);
    }

    /// Something went on.
    pub(crate) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// Kills of a hundred that are done; all of them where there shall be none.
    fn killed_of_a_hundred(&self) -> usize {
        let killed = usize::try_from(self.killed.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let kills = usize::try_from(self.kills).unwrap_or(usize::MAX);
        (killed * 100).checked_div(kills).unwrap_or(100)
    }

    /// Whether the n-th deal may begin: not long before its share of the kills is done.
    pub(crate) fn may_begin(&self, deal: usize) -> bool {
        self.killed_of_a_hundred() * self.deals >= deal.saturating_sub(AT_ONCE) * 100
    }

    /// Whether the next kill may be: not long before its share of the load is through.
    pub(crate) fn may_kill(&self) -> bool {
        let through = self.stages.load(Ordering::Relaxed) * 100 / (self.deals * STAGES).max(1);
        self.killed_of_a_hundred() <= through + AHEAD
    }

    /// Ends when nothing has moved for so long.
    pub(crate) async fn standstill(&self, patience: Duration) {
        let (mut seen, mut since) = (self.moves.load(Ordering::Relaxed), Instant::now());
        while since.elapsed() < patience {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now = self.moves.load(Ordering::Relaxed);
            if now != seen {
                (seen, since) = (now, Instant::now());
            }
        }
    }

    /// For people who wait.
    pub(crate) fn line(&self) -> String {
        format!(
            "{:>5} s  {} of {} deals won, {} paid; {} of {} kills",
            self.began.elapsed().as_secs(),
            self.won.load(Ordering::Relaxed),
            self.deals,
            self.paid.load(Ordering::Relaxed),
            self.killed.load(Ordering::Relaxed),
            self.kills
        )
    }
}
