//! One seed, from its first turn to its last check.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use canonical_model::simulation::{self, Defect};
use canonical_model::{CanonicalId, Expense, Resolution, ResolutionAction, TimeEntry, clock};
use chrono::{DateTime, TimeDelta, Utc};
use persistence::{Database, args};
use process_engine::{ExceptionFilter, FaultPlan};
use tempfile::TempDir;
use time_to_invoice_process_api::by_hand::{ByHand, watermark};
use vendor_twins::kantata::Kantata;
use vendor_twins::netsuite::NetSuite;
use vendor_twins::server::Twin;
use vendor_twins::store::LogEntry;

use crate::faults::{Calm, Plan};
use crate::firm::Firm;
use crate::house::House;
use crate::invariants;
use crate::state::{Shared, Violation};
use crate::wire::Network;

const PSA: &str = "psa/main";
/// Tries of the desk for one exception, after the faults have stopped.
const DESK_TRIES: u32 = 3;
/// Name of the process that takes something out of the books.
const REVERSAL: &str = "work-reversal";
/// Rounds in which everything has to come to rest.
const ROUNDS: u32 = 60;

/// What became of a seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// SHA-256 of its trace.
    pub trace: String,
    /// The trace, where it was asked for.
    pub lines: Vec<String>,
    /// Turns of actors.
    pub turns: u64,
    /// How often each point fired.
    pub fired: BTreeMap<String, u64>,
    /// What must not be and was.
    pub violations: Vec<Violation>,
    /// Time entries and expenses of people, and how many of them are approved in the end.
    pub sources: (usize, usize),
}

/// Plays a seed. Call it within a `LocalSet` of a runtime of one thread.
///
/// # Errors
/// The world cannot be set up.
pub async fn play(
    house: &Arc<House>,
    seed: u64,
    planted: Option<Defect>,
    keep_trace: bool,
) -> anyhow::Result<Outcome> {
    // Tuesday, 10 November 2026, nine o'clock.
    let begin = DateTime::<Utc>::from_timestamp(1_794_301_200, 0).unwrap_or_default();
    simulation::begin(begin, seed, planted);
    let played = Play::set_up(Arc::clone(house), seed, keep_trace).await;
    let outcome = match played {
        Ok(mut play) => {
            play.act().await;
            play.tidy_up().await;
            Ok(play.end().await)
        }
        Err(error) => Err(error),
    };
    egress::simulation::connect(None);
    simulation::end();
    outcome
}

struct Play {
    house: Arc<House>,
    seed: u64,
    shared: Shared,
    network: Network,
    netsuite: Arc<NetSuite>,
    kantata: Arc<Kantata>,
    firm: Firm,
    db: Database,
    api: Arc<ByHand>,
    /// Positions in the write logs of the ERP and the PSA.
    seen: [u64; 2],
    tries: BTreeMap<CanonicalId, u32>,
    _folder: TempDir,
}

impl Play {
    async fn set_up(house: Arc<House>, seed: u64, keep_trace: bool) -> anyhow::Result<Self> {
        let shared = Shared::new(seed, keep_trace);
        let (services, netsuite, kantata) = house.services().await?;
        let network = Network::start(Arc::clone(&house), shared.clone(), services);
        egress::simulation::connect(Some(Arc::new(network.clone())));
        let (db, folder) = house.database().await?;
        let plan: Arc<dyn FaultPlan> = Arc::new(Plan(shared.clone()));
        let api = Arc::new(ByHand::assemble(&house.settings, db.clone(), plan).await?);
        let usurper = ByHand::assemble(&house.settings, db.clone(), Arc::new(Calm)).await?;
        *network.usurper.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(usurper));
        let mut firm = Firm::new(
            network.clone(),
            shared.clone(),
            Arc::clone(&netsuite),
            Arc::clone(&kantata),
        );
        firm.set_up(&api).await?;
        let mut play = Self {
            house,
            seed,
            shared,
            network,
            netsuite,
            kantata,
            firm,
            db,
            api,
            seen: [0, 0],
            tries: BTreeMap::new(),
            _folder: folder,
        };
        play.after_turn("set up").await;
        Ok(play)
    }

    /// The part in which people work and things go wrong.
    async fn act(&mut self) {
        self.shared.lock().faulty = true;
        let turns = 50 + self.shared.lock().below(70);
        for turn in 0..turns {
            let drawn = self.shared.lock().below(100);
            match drawn {
                _ if turn < 2 => {
                    self.firm.enter(true).await;
                    self.firm.look();
                    self.after_turn("enters and approves time").await;
                }
                0..=24 => {
                    let what = self.firm.act().await;
                    self.after_turn(what).await;
                }
                25..=36 => self.follow(true).await,
                37..=44 => self.follow(false).await,
                45..=56 => self.dispatch().await,
                57..=80 => self.work(2).await,
                81..=85 => self.decide(4).await,
                86..=88 => self.carry_out().await,
                89 => self.sweep().await,
                90 => self.read_from_the_beginning().await,
                91 => self.jump(),
                _ => {}
            }
            let pause = match self.shared.lock().below(6) {
                0 => 0,
                1 | 2 => 1,
                3 => 8,
                4 => 35,
                _ => 90,
            };
            self.shared.wait(pause);
        }
    }

    /// The faults stop; people open, map and try again until nothing moves any more. Then the same a day later, when
    /// the PSA has been swept.
    async fn tidy_up(&mut self) {
        self.shared.lock().faulty = false;
        self.firm.open_periods();
        self.firm.map_all();
        for day in 0..2 {
            self.come_to_rest().await;
            if day == 0 {
                self.nothing_is_left_to_the_sweep().await;
            }
            simulation::advance(TimeDelta::hours(25));
            self.sweep().await;
        }
        self.come_to_rest().await;
    }

    async fn come_to_rest(&mut self) {
        let (mut still, mut at_work) = (0, Vec::new());
        for _ in 0..ROUNDS {
            let before = self.position().await;
            self.shared.wait(61);
            self.follow(true).await;
            self.follow(false).await;
            self.dispatch().await;
            self.work(32).await;
            self.carry_out().await;
            self.decide(100).await;
            self.carry_out().await;
            at_work = invariants::instances_at_work(&self.db).await.unwrap_or_default();
            still = if self.position().await == before && at_work.is_empty() {
                still + 1
            } else {
                0
            };
            if still == 2 {
                return;
            }
        }
        self.shared.violated(
            "everything_comes_to_rest",
            format!("it still moves after {ROUNDS} rounds: {at_work:?}"),
        );
    }

    /// A feed that was read from its beginning does not tell again what was deleted: there the sweep is what finds it.
    async fn nothing_is_left_to_the_sweep(&mut self) {
        if self.shared.lock().fired.contains_key("feed.from_the_beginning") {
            return;
        }
        self.firm.look();
        match invariants::lines(&self.db).await {
            Ok((lines, _)) => invariants::nothing_is_left_to_the_sweep(&self.shared, &self.firm, &lines),
            Err(failure) => self.shared.violated("the_world_works", failure.to_string()),
        }
    }

    /// Changes whenever anything does.
    async fn position(&self) -> (String, u64, u64) {
        let lines = invariants::lines(&self.db)
            .await
            .map(|(_, told)| told)
            .unwrap_or_default();
        let [erp, psa] = self.seen;
        (lines, erp, psa)
    }

    async fn follow(&mut self, time: bool) {
        let (look, name) = if time {
            (&self.api.time_entries, "follows time entries")
        } else {
            (&self.api.expenses, "follows expenses")
        };
        let (look, faulty) = (Arc::clone(look), self.shared.lock().faulty);
        let reading = async move {
            for _ in 0..200 {
                // In bad weather a page at a time, so that others come between.
                if !look().await.unwrap_or(false) || faulty {
                    break;
                }
            }
        };
        self.run(name, reading).await;
    }

    async fn dispatch(&mut self) {
        let api = Arc::clone(&self.api);
        let looking = async move {
            for _ in 0..20 {
                if !api.look_for_lines().await {
                    break;
                }
            }
        };
        self.run("looks for lines", looking).await;
    }

    async fn sweep(&mut self) {
        let api = Arc::clone(&self.api);
        self.run("sweeps", async move { api.look_for_sweeps().await })
            .await;
    }

    async fn carry_out(&mut self) {
        let api = Arc::clone(&self.api);
        let deciding = async move {
            for _ in 0..20 {
                if api.turns.carry_out().await.unwrap_or(0) == 0 {
                    break;
                }
            }
        };
        self.run("carries decisions out", deciding).await;
    }

    /// Takes instances that are due and works on them, in an order that is drawn.
    async fn work(&mut self, most: usize) {
        for _ in 0..20 {
            let mut claimed = self.api.turns.claim(most).await.unwrap_or_default();
            if claimed.is_empty() {
                return;
            }
            while !claimed.is_empty() {
                let next = self.shared.lock().index(claimed.len());
                let work = claimed.swap_remove(next);
                let name = format!("works on {} from {}", work.process(), work.step());
                self.shared.lock().held = Some(work.instance_id());
                let lived = self.run(&name, work.work()).await;
                let mut state = self.shared.lock();
                (state.held, state.usurped) = (None, false);
                drop(state);
                if !lived {
                    return;
                }
            }
            if self.shared.lock().faulty {
                return;
            }
        }
    }

    /// A person decides about open exceptions.
    async fn decide(&mut self, most: usize) {
        let filter = ExceptionFilter {
            limit: Some(1000),
            ..ExceptionFilter::default()
        };
        let Ok(page) = self.api.turns.engine().exceptions(filter).await else {
            return;
        };
        let open = page
            .items
            .into_iter()
            .filter(|exception| exception.closed_at.is_none());
        let calm = !self.shared.lock().faulty;
        for exception in open.take(most) {
            let tries = self.tries.entry(exception.id).or_default();
            if calm {
                *tries += 1;
                if *tries > DESK_TRIES {
                    continue;
                }
            }
            let skip = !calm && self.shared.lock().chance(300);
            let resolution = Resolution {
                action: if skip {
                    ResolutionAction::Skip
                } else {
                    ResolutionAction::Retry
                },
                reason: Some("the simulation".to_owned()),
                answer: None,
            };
            let decided = self
                .api
                .turns
                .engine()
                .resolve_exception(exception.id, resolution, "nora")
                .await;
            let how = if skip { "skips" } else { "tries again" };
            let (code, taken) = (&exception.failure.code, decided.is_ok());
            self.shared.trace(format!("{how} {code} {taken}"));
            if skip && taken && exception.process == REVERSAL {
                self.shared.lock().left_out.insert(exception.business_key);
            }
        }
        self.after_turn("decides").await;
    }

    /// The place in a feed is lost: everything is told again.
    async fn read_from_the_beginning(&mut self) {
        let name = if self.shared.lock().chance(6_000) {
            watermark::<TimeEntry>(PSA)
        } else {
            watermark::<Expense>(PSA)
        };
        self.shared.lock().fire("feed.from_the_beginning");
        let forgotten = self.db.write(move |tx| {
            Box::pin(async move {
                let sql = "DELETE FROM feed_cursors WHERE name = $1";
                tx.execute(sql, args![name]).await.map(|_| ())
            })
        });
        if let Err(failure) = forgotten.await {
            self.shared.violated("the_world_works", failure.to_string());
        }
    }

    fn jump(&self) {
        let mut state = self.shared.lock();
        state.fire("clock.jump");
        let minutes = 5 + state.below(1_500);
        simulation::advance(TimeDelta::minutes(minutes.into()));
    }

    /// A turn of the API; false where its process was killed in it. Then another one is started.
    async fn run(&mut self, name: &str, work: impl Future<Output = ()>) -> bool {
        let lived = tokio::select! {
            biased;
            () = self.shared.crash.notified() => false,
            () = work => true,
        };
        if !lived {
            self.network.quiet().await;
            let plan: Arc<dyn FaultPlan> = Arc::new(Plan(self.shared.clone()));
            match ByHand::assemble(&self.house.settings, self.db.clone(), plan).await {
                Ok(api) => self.api = Arc::new(api),
                Err(error) => self.shared.violated("the_world_works", format!("{error:#}")),
            }
        }
        self.after_turn(&format!("{name}{}", if lived { "" } else { ", killed" }))
            .await;
        lived
    }

    /// Notes what a turn did, and checks what can be checked at once.
    async fn after_turn(&mut self, name: &str) {
        self.shared.lock().turns += 1;
        self.shared
            .trace(format!("{} {name}", clock::now().timestamp_millis()));
        let stores = [self.netsuite.store(), self.kantata.store()];
        for (place, store) in stores.into_iter().enumerate() {
            let after = self.seen.get(place).copied().unwrap_or_default();
            let entries = store.log_after(after, usize::MAX);
            if let (Some(seen), Some(last)) = (self.seen.get_mut(place), entries.last()) {
                *seen = last.seq;
            }
            for entry in entries.iter().filter(|entry| !entry.table.starts_with('_')) {
                self.shared.trace(told(entry));
            }
            if place == 0 {
                invariants::written(&self.shared, &self.firm, &entries);
            }
        }
        match invariants::lines(&self.db).await {
            Ok((_, told)) => self.shared.trace(told),
            Err(failure) => self.shared.violated("the_world_works", failure.to_string()),
        }
        for refused in invariants::retried_refusals(&self.db).await.unwrap_or_default() {
            self.shared
                .violated("a_refusal_is_not_tried_again_by_itself", refused);
        }
    }

    async fn end(&mut self) -> Outcome {
        self.firm.look();
        match invariants::lines(&self.db).await {
            Ok((lines, _)) => invariants::adds_up(&self.shared, &self.firm, &lines, &self.netsuite),
            Err(failure) => self.shared.violated("the_world_works", failure.to_string()),
        }
        self.nothing_is_stuck().await;
        self.db.close().await;
        let state = self.shared.lock();
        let (trace, lines) = state.traced();
        let approved = self
            .firm
            .sources
            .iter()
            .filter(|source| source.approved.is_some())
            .count();
        Outcome {
            seed: self.seed,
            trace,
            lines,
            turns: state.turns,
            fired: state.fired.clone(),
            violations: state.violations(),
            sources: (self.firm.sources.len(), approved),
        }
    }

    /// What a person cannot resolve by trying again is a matter of business, not of a fault that has passed.
    async fn nothing_is_stuck(&self) {
        let filter = ExceptionFilter {
            limit: Some(1000),
            ..ExceptionFilter::default()
        };
        let Ok(page) = self.api.turns.engine().exceptions(filter).await else {
            return;
        };
        let business = ["duplicate_entry"];
        for exception in page
            .items
            .into_iter()
            .filter(|exception| exception.closed_at.is_none())
        {
            if !business.contains(&exception.failure.code.as_str()) {
                let what = format!("{}: {}", exception.failure.code, exception.failure.message);
                self.shared.violated("everything_comes_to_rest", what);
            }
        }
    }
}

fn told(entry: &LogEntry) -> String {
    let record = &entry.record;
    // A job repeats the requests that it carries out, with the correlation ids that they had.
    if entry.table == "asyncJob" {
        return format!("{:?} {} {}", entry.verb, entry.table, record.id);
    }
    let fields = serde_json::to_string(&record.fields).unwrap_or_default();
    format!(
        "{:?} {} {} v{} {fields}",
        entry.verb, entry.table, record.id, record.version
    )
}
