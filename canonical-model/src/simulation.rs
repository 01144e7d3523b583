//! Virtual time, ids that follow a seed, and defects that are planted on purpose: for the simulation alone.
//!
//! Everything here belongs to one thread. A thread that has begun no simulation sees the system's clock and no defect.

use std::cell::{Cell, RefCell};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
    static PLANTED: Cell<Option<Defect>> = const { Cell::new(None) };
}

struct World {
    now: DateTime<Utc>,
    random: u64,
    ids: u32,
}

/// A defect that the simulation has to find. Each is one place in the product, compiled in for the simulation only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// A write whose answer was lost counts as done.
    LostAcknowledgement,
    /// A write whose answer was lost is sent again under another key.
    DoublePost,
    /// A token that was refused is used again.
    StaleToken,
    /// The last record of a full page of changes is left out.
    OffByOnePage,
    /// An expense is booked in the books' own currency, whatever it was paid in.
    SwappedCurrencyBase,
    /// A deletion that the vendor tells is not passed on.
    MissedDeletion,
    /// A refusal by a business rule is tried again without anybody's decision.
    RetriedRefusal,
    /// Charges are cut off instead of rounded half up.
    WrongRounding,
    /// A batch takes the lines of every project.
    CrossEntityLeak,
    /// A worker that has lost its lease goes on writing.
    SkippedFencing,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::LostAcknowledgement,
        Self::DoublePost,
        Self::StaleToken,
        Self::OffByOnePage,
        Self::SwappedCurrencyBase,
        Self::MissedDeletion,
        Self::RetriedRefusal,
        Self::WrongRounding,
        Self::CrossEntityLeak,
        Self::SkippedFencing,
    ];

    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LostAcknowledgement => "lost_acknowledgement",
            Self::DoublePost => "double_post",
            Self::StaleToken => "stale_token",
            Self::OffByOnePage => "off_by_one_page",
            Self::SwappedCurrencyBase => "swapped_currency_base",
            Self::MissedDeletion => "missed_deletion",
            Self::RetriedRefusal => "retried_refusal",
            Self::WrongRounding => "wrong_rounding",
            Self::CrossEntityLeak => "cross_entity_leak",
            Self::SkippedFencing => "skipped_fencing",
        }
    }
}

/// Begins a simulation in this thread.
pub fn begin(now: DateTime<Utc>, seed: u64, planted: Option<Defect>) {
    WORLD.set(Some(World {
        now,
        random: seed,
        ids: 0,
    }));
    PLANTED.set(planted);
}

/// Ends it: the thread sees the system's clock again.
pub fn end() {
    WORLD.set(None);
    PLANTED.set(None);
}

/// Moves the clock.
pub fn advance(by: TimeDelta) {
    WORLD.with_borrow_mut(|world| {
        if let Some(world) = world {
            world.now += by;
        }
    });
}

/// Whether a defect is in force.
#[must_use]
pub fn planted(defect: Defect) -> bool {
    PLANTED.get() == Some(defect)
}

/// The virtual time, within a simulation.
#[must_use]
pub fn now() -> Option<DateTime<Utc>> {
    WORLD.with_borrow(|world| world.as_ref().map(|world| world.now))
}

/// An id in the form of version 7 whose parts are the virtual time, a count and the seed.
pub(crate) fn new_id() -> Option<Uuid> {
    WORLD.with_borrow_mut(|world| {
        let world = world.as_mut()?;
        world.ids = world.ids.wrapping_add(1);
        world.random = mixed(world.random);
        let mut bytes = [0_u8; 10];
        let (count, rest) = bytes.split_at_mut(4);
        count.copy_from_slice(&world.ids.to_be_bytes());
        for (place, byte) in rest.iter_mut().zip(world.random.to_be_bytes()) {
            *place = byte;
        }
        let at = u64::try_from(world.now.timestamp_millis()).unwrap_or_default();
        Some(uuid::Builder::from_unix_timestamp_millis(at, &bytes).into_uuid())
    })
}

/// Steele, Lea and Flood's SplitMix64.
fn mixed(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CanonicalId;

    #[test]
    fn the_same_seed_gives_the_same_ids_in_their_order() {
        let ids = |seed| {
            begin("2026-11-02T08:00:00Z".parse().unwrap(), seed, None);
            let ids: Vec<_> = (0..300).map(|_| CanonicalId::generate()).collect();
            end();
            ids
        };
        let first = ids(7);
        assert_eq!(first, ids(7));
        assert_ne!(first, ids(8));
        assert!(first.is_sorted());
        assert!(CanonicalId::generate() > first[0], "the system's clock is back");
    }
}
