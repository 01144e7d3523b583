//! The fault suite: drives a process through everything that can go wrong and compares the world with what it should be.
//!
//! A [`Scenario`] says how to set a world up, how to start, and how to check it. [`run`] plays it on fresh worlds: the
//! happy path; started twice; every step twice; a failure before and after every step; a crash at every write of the
//! journal and before every answer is journalled; the answer lost of every effect, sent or not; taken back from every
//! step, with every undo twice. After each case the checks of the scenario must hold, whatever happened on the way.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use canonical_model::{CanonicalId, Failure, Resolution, ResolutionAction, Result};
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use persistence::{Database, args};
use tokio::sync::Notify;

use crate::work::Work;
use crate::{Engine, EngineBuilder, EngineSettings, Fault, FaultPlan, InstanceState, Point, RetrySettings};
use crate::{dispatch, resolve, run};

/// Longest that an instance may take to come to rest.
const REST_WITHIN: Duration = Duration::from_secs(60);
/// Faults of one kind in one scenario at most: beyond that something does not end.
const MOST_FAULTS: usize = 2000;

/// A process in a world that can be set up anew.
#[async_trait::async_trait]
pub trait Scenario: Send + Sync {
    /// What the process's steps call services.
    type Services: Send + Sync + 'static;

    /// An empty database with [`crate::MIGRATIONS`] and the process's own tables.
    async fn database(&self) -> Database;

    /// A new world: twins or doubles of the systems, and the services that speak with them.
    async fn services(&self) -> Arc<Self::Services>;

    /// Adds the process.
    fn define(&self, builder: EngineBuilder<Self::Services>) -> EngineBuilder<Self::Services>;

    /// Starts the instance, or finds that it was started: called again after a crash, and twice in one case.
    async fn start(&self, engine: &Engine<Self::Services>) -> Result<CanonicalId>;

    /// Does what people and other systems do meanwhile, such as signals: called again after a crash.
    async fn accompany(&self, _engine: &Engine<Self::Services>, _id: CanonicalId) -> Result<()> {
        Ok(())
    }

    /// Asserts that everything happened once. `case` says what went wrong on the way.
    async fn check_done(&self, services: &Self::Services, db: &Database, case: &str);

    /// Asserts that what can be taken back was taken back.
    async fn check_undone(&self, services: &Self::Services, db: &Database, case: &str);
}

/// What was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Cases in all.
    pub cases: usize,
    /// Of which crashes.
    pub crashes: usize,
    /// Of which lost answers.
    pub lost_answers: usize,
}

/// Plays all cases of a scenario.
///
/// # Panics
/// Where a case does not end as it should.
pub async fn run<S: Scenario>(scenario: &S) -> Report {
    let names = Recorder::default();
    let names = Plan::new(names);
    play(scenario, "happy path", &names, 1, None).await;
    play(
        scenario,
        "started twice",
        &Plan::new(Everywhere(Fault::None)),
        2,
        None,
    )
    .await;
    play(
        scenario,
        "every step twice",
        &Plan::new(Everywhere(Fault::Twice)),
        1,
        None,
    )
    .await;
    let mut cases = 3;
    for step in names.rule.names() {
        for after in [false, true] {
            for failure in [
                Failure::transient("lost_on_purpose", "by the fault suite"),
                Failure::business("refused_on_purpose", "by the fault suite"),
            ] {
                let case = format!(
                    "{step} fails {} with {}",
                    if after { "after" } else { "before" },
                    failure.code
                );
                let rule = FailOnce {
                    step: step.clone(),
                    after,
                    failure,
                    done: AtomicBool::new(false),
                };
                play(
                    scenario,
                    &case,
                    &Plan::new(rule),
                    1,
                    Some(ResolutionAction::Retry),
                )
                .await;
                cases += 1;
            }
        }
        let case = format!("taken back from {step}, every undo twice");
        let rule = TakeBack {
            step,
            done: AtomicBool::new(false),
        };
        play(
            scenario,
            &case,
            &Plan::new(rule),
            1,
            Some(ResolutionAction::Compensate),
        )
        .await;
        cases += 1;
    }
    let crashes = one_by_one(scenario, "crash", Fault::Crash).await;
    let sent = one_by_one(
        scenario,
        "answer lost after sending",
        Fault::LoseAnswer { sent: true },
    )
    .await;
    let unsent = one_by_one(scenario, "lost before sending", Fault::LoseAnswer { sent: false }).await;
    let lost_answers = sent + unsent;
    Report {
        cases: cases + crashes + lost_answers,
        crashes,
        lost_answers,
    }
}

/// Plays a scenario once for each place at which a fault can strike; how many they are.
async fn one_by_one<S: Scenario>(scenario: &S, name: &str, fault: Fault) -> usize {
    for place in 0..MOST_FAULTS {
        let plan = Plan::new(At {
            place,
            passed: AtomicUsize::new(0),
            fault: fault.clone(),
        });
        play(
            scenario,
            &format!("{name} at place {place}"),
            &plan,
            1,
            Some(ResolutionAction::Retry),
        )
        .await;
        if plan.rule.passed.load(Ordering::SeqCst) <= place {
            return place;
        }
    }
    MOST_FAULTS
}

/// Plays one case to its end, over all crashes.
async fn play<S: Scenario, R: Rule>(
    scenario: &S,
    case: &str,
    plan: &Arc<Plan<R>>,
    starts: usize,
    decide: Option<ResolutionAction>,
) {
    let (db, services) = (scenario.database().await, scenario.services().await);
    let mut state = None;
    while state.is_none() {
        let builder = Engine::builder(db.clone(), Arc::clone(&services), settings());
        let plan_of_engine: Arc<dyn FaultPlan> = plan.clone();
        let engine = must(
            scenario.define(builder).faults(plan_of_engine).start().await,
            case,
        );
        state = tokio::select! {
            state = to_the_end(scenario, &engine, case, starts, decide) => Some(state),
            () = plan.crashed.notified() => None,
        };
        if state.is_some() {
            engine.stop().await;
        } else {
            engine.kill();
            engine.ended().await;
            must(end_leases(&db).await, case);
        }
    }
    if state == Some(InstanceState::Compensated) {
        scenario.check_undone(&services, &db, case).await;
    } else {
        scenario.check_done(&services, &db, case).await;
    }
}

async fn to_the_end<S: Scenario>(
    scenario: &S,
    engine: &Engine<S::Services>,
    case: &str,
    starts: usize,
    decide: Option<ResolutionAction>,
) -> InstanceState {
    let id = must(scenario.start(engine).await, case);
    for _ in 1..starts {
        assert_eq!(
            must(scenario.start(engine).await, case),
            id,
            "{case}: a second start made a second instance"
        );
    }
    must(scenario.accompany(engine, id).await, case);
    loop {
        let instance = must(engine.rest(id, REST_WITHIN).await, case);
        match (instance.state, decide, instance.exception_id) {
            (state @ (InstanceState::Done | InstanceState::Compensated), _, _) => return state,
            (InstanceState::Parked, Some(action), Some(exception)) => {
                let reason = Some("by the fault suite".to_owned());
                let resolution = Resolution {
                    action,
                    reason,
                    answer: None,
                };
                match engine
                    .resolve_exception(exception, resolution, "fault-suite")
                    .await
                {
                    // A decision from before a crash is still being carried out.
                    Err(failure) if failure.code == "already_retrying" => {}
                    decided => drop(must(decided, case)),
                }
                must(engine.moved_on(id, REST_WITHIN).await, case);
            }
            _ => {
                let why = instance.last_failure;
                assert_eq!(
                    instance.state,
                    InstanceState::Done,
                    "{case}: stands at {} with {why:?}",
                    instance.step
                );
            }
        }
    }
}

/// What the end of a process does to its leases, sooner.
async fn end_leases(db: &Database) -> Result<()> {
    db.write(|tx| {
        Box::pin(async move {
            let now = canonical_model::clock::now();
            let sql = "UPDATE engine_instances SET due_ms = $1 WHERE status = 'running'";
            tx.execute(sql, args![now]).await?;
            let sql = "UPDATE engine_exceptions SET work_ms = $1 WHERE work_token IS NOT NULL AND closed_ms IS NULL";
            tx.execute(sql, args![now]).await.map(|_| ())
        })
    })
    .await
}

fn settings() -> EngineSettings {
    EngineSettings {
        workers: 4,
        poll_ms: 20,
        retry: RetrySettings {
            first_ms: 1,
            max_ms: 5,
            budget_ms: 60_000,
        },
        ..EngineSettings::default()
    }
}

#[expect(clippy::panic, reason = "a case that cannot go on ends the test")]
fn must<T, E: Debug>(result: std::result::Result<T, E>, case: &str) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{case}: {error:?}"),
    }
}

/// What happens where, in one case.
trait Rule: Send + Sync + 'static {
    fn at(&self, point: Point<'_>) -> Fault;
}

struct Plan<R> {
    rule: R,
    crashed: Notify,
}

impl<R: Rule> Plan<R> {
    fn new(rule: R) -> Arc<Self> {
        Arc::new(Self {
            rule,
            crashed: Notify::new(),
        })
    }
}

impl<R: Rule> FaultPlan for Plan<R> {
    fn at(&self, point: Point<'_>) -> Fault {
        let fault = self.rule.at(point);
        if fault == Fault::Crash {
            self.crashed.notify_one();
        }
        fault
    }
}

/// Nothing happens; the steps' names are noted.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    fn names(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Rule for Recorder {
    fn at(&self, point: Point<'_>) -> Fault {
        if let Point::Step { name, undo: false } = point {
            let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        Fault::None
    }
}

/// The same at each step.
struct Everywhere(Fault);

impl Rule for Everywhere {
    fn at(&self, point: Point<'_>) -> Fault {
        match point {
            Point::Step { .. } => self.0.clone(),
            _ => Fault::None,
        }
    }
}

/// One step fails once.
struct FailOnce {
    step: String,
    after: bool,
    failure: Failure,
    done: AtomicBool,
}

impl Rule for FailOnce {
    fn at(&self, point: Point<'_>) -> Fault {
        let here = match point {
            Point::Step { name, undo: false } => !self.after && name == self.step,
            Point::StepRan { name, undo: false } => self.after && name == self.step,
            _ => false,
        };
        if here && !self.done.swap(true, Ordering::SeqCst) {
            Fault::Fail(self.failure.clone())
        } else {
            Fault::None
        }
    }
}

/// One step is done and then refused, and every undo runs twice.
struct TakeBack {
    step: String,
    done: AtomicBool,
}

impl Rule for TakeBack {
    fn at(&self, point: Point<'_>) -> Fault {
        match point {
            Point::StepRan { name, undo: false }
                if name == self.step && !self.done.swap(true, Ordering::SeqCst) =>
            {
                Fault::Fail(Failure::business("refused_on_purpose", "by the fault suite"))
            }
            Point::Step { undo: true, .. } => Fault::Twice,
            _ => Fault::None,
        }
    }
}

/// One fault at the n-th place where it can strike.
struct At {
    place: usize,
    passed: AtomicUsize,
    fault: Fault,
}

impl Rule for At {
    fn at(&self, point: Point<'_>) -> Fault {
        let can_strike = match point {
            Point::Journalled | Point::Answered => self.fault == Fault::Crash,
            Point::Sending { .. } => matches!(self.fault, Fault::LoseAnswer { .. }),
            _ => false,
        };
        if can_strike && self.passed.fetch_add(1, Ordering::SeqCst) == self.place {
            return self.fault.clone();
        }
        Fault::None
    }
}

/// Ends an engine as the end of its process would: nothing that is under way is finished, leases stay as they are.
pub async fn kill<Sv: Send + Sync + 'static>(engine: &Engine<Sv>) {
    engine.kill();
    engine.ended().await;
}

/// Lets all leases of a database end now.
///
/// # Errors
/// Failures of the database.
pub async fn expire_leases(db: &Database) -> Result<()> {
    end_leases(db).await
}

/// An engine whose work is done turn by turn, for a simulation: no task of its own runs.
pub struct ByHand<Sv> {
    engine: Engine<Sv>,
}

/// An instance that an engine has taken, with its lease.
pub struct Claimed<Sv> {
    engine: Engine<Sv>,
    work: Work,
}

impl<Sv: Send + Sync + 'static> ByHand<Sv> {
    /// Puts the engine together without starting its workers.
    ///
    /// # Errors
    /// As [`EngineBuilder::start`].
    pub async fn assemble(builder: EngineBuilder<Sv>) -> Result<Self> {
        Ok(Self {
            engine: builder.assemble().await?,
        })
    }

    /// The engine, for starts, signals and decisions.
    #[must_use]
    pub fn engine(&self) -> &Engine<Sv> {
        &self.engine
    }

    /// Takes instances that are due, at most so many.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn claim(&self, most: usize) -> Result<Vec<Claimed<Sv>>> {
        let (works, _) = dispatch::claim(&self.engine.inner.core, most).await?;
        let claimed = works.into_iter().map(|work| Claimed {
            engine: self.engine.clone(),
            work,
        });
        Ok(claimed.collect())
    }

    /// When the next instance is due or the next lease ends.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn next_due(&self) -> Result<Option<DateTime<Utc>>> {
        Ok(dispatch::claim(&self.engine.inner.core, 0).await?.1)
    }

    /// Carries out a batch of people's decisions; how many they were.
    ///
    /// # Errors
    /// Failures of the database.
    pub async fn carry_out(&self) -> Result<usize> {
        resolve::batch(&self.engine.inner).await
    }
}

impl<Sv: Send + Sync + 'static> Claimed<Sv> {
    /// The instance.
    #[must_use]
    pub fn instance_id(&self) -> CanonicalId {
        self.work.id
    }

    /// The process.
    #[must_use]
    pub fn process(&self) -> &str {
        &self.work.process
    }

    /// The step that is next.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.work.step_name
    }

    /// Works on it as long as there is something to do.
    pub async fn work(self) {
        let inner = Arc::clone(&self.engine.inner);
        let correlation_id = self.work.correlation_id.clone();
        let body: BoxFuture<'static, ()> = Box::pin(run::run(Arc::clone(&inner), self.work));
        match &inner.around {
            Some(around) => around(correlation_id, body).await,
            None => body.await,
        }
    }
}
