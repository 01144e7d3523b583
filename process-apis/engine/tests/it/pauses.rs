//! Connections that are down or hang: who waits, who goes on, and how often they are called meanwhile.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use canonical_model::{CanonicalId, EffectKey, Failure, Result, Written};
use circuits::{CircuitSettings, Circuits, News};
use persistence::{Database, args};
use process_engine::{
    Engine, EngineSettings, InstanceState, PausedConnection, Process, RetrySettings, Start, State,
    StepContext,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::{WITHIN, databases};

/// Systems that can be down or hang, called through circuits.
#[derive(Default)]
struct Systems {
    circuits: Circuits,
    down: AtomicBool,
    hangs: AtomicBool,
    answers: Notify,
    calls: Mutex<BTreeMap<String, u64>>,
    written: AtomicU64,
}

impl Systems {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            circuits: Circuits::new(CircuitSettings {
                failures: 3,
                first_pause_ms: 40,
                longest_pause_ms: 160,
                slow_ms: 1_000,
                ..CircuitSettings::default()
            }),
            ..Self::default()
        })
    }

    /// The same systems, called by somebody who knows nothing of the pauses so far.
    fn after_a_new_start(self: &Arc<Self>) -> Arc<Self> {
        let new = Self::new();
        new.down.store(self.down.load(Ordering::SeqCst), Ordering::SeqCst);
        new
    }

    async fn write(&self, connection: &str, key: EffectKey) -> Result<Written> {
        let call = async {
            *self
                .calls
                .lock()
                .unwrap()
                .entry(connection.to_owned())
                .or_default() += 1;
            if connection == "erp/main" && self.hangs.load(Ordering::SeqCst) {
                self.answers.notified().await;
            }
            if connection == "erp/main" && self.down.load(Ordering::SeqCst) {
                return Err(Failure::transient("vendor_unavailable", "the vendor is down").at(connection));
            }
            self.written.fetch_add(1, Ordering::SeqCst);
            Ok(Written {
                id: key.to_string(),
                code: None,
                version: None,
                created: None,
            })
        };
        self.circuits.call(connection, call, |_| News::Alive).await
    }

    fn calls(&self, connection: &str) -> u64 {
        self.calls
            .lock()
            .unwrap()
            .get(connection)
            .copied()
            .unwrap_or_default()
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Posting {
    connection: String,
}

impl State for Posting {
    fn title(&self) -> String {
        format!("Something for {}", self.connection)
    }
}

async fn post(ctx: &StepContext<Systems>, state: &mut Posting) -> Result<()> {
    let systems = ctx.services();
    let connection = state.connection.clone();
    let target = format!("{connection} note");
    let send = |key: EffectKey| {
        let connection = connection.clone();
        async move { systems.write(&connection, key).await }
    };
    let find = |_: EffectKey| async { Ok(None) };
    ctx.effect(&target, "note", &connection, send, find)
        .await
        .map(|_| ())
}

async fn engine(db: &Database, systems: &Arc<Systems>) -> Engine<Systems> {
    let settings = EngineSettings {
        workers: 8,
        poll_ms: 20,
        retry: RetrySettings {
            first_ms: 1,
            max_ms: 4,
            // A pause that counted as tries would use this up at once, and a person would be asked.
            budget_ms: 1,
        },
        ..EngineSettings::default()
    };
    let builder = Engine::builder(db.clone(), Arc::clone(systems), settings);
    let builder = builder.circuits(systems.circuits.clone()).source("/process/test");
    builder
        .process(Process::named("posting").step("post", post))
        .start()
        .await
        .unwrap()
}

async fn start_many(engine: &Engine<Systems>, connection: &str, count: usize) -> Vec<CanonicalId> {
    let mut ids = Vec::new();
    for number in 0..count {
        let (key, state) = (
            format!("{connection} {number}"),
            Posting {
                connection: connection.to_owned(),
            },
        );
        let start = Start {
            process: "posting",
            business_key: &key,
            correlation_id: "test",
            state: &state,
        };
        ids.push(engine.start(start).await.unwrap().instance_id);
    }
    ids
}

async fn all_done(engine: &Engine<Systems>, ids: &[CanonicalId]) {
    for id in ids {
        let instance = engine.rest(*id, WITHIN).await.unwrap();
        assert_eq!(instance.state, InstanceState::Done, "{:?}", instance.last_failure);
    }
}

/// Waits until so many wait for the paused ERP.
async fn held(engine: &Engine<Systems>, count: u64) -> PausedConnection {
    let end = Instant::now() + WITHIN;
    loop {
        let mut paused = engine.paused_connections().await.unwrap();
        if paused.first().is_some_and(|erp| erp.waiting == count) {
            return paused.remove(0);
        }
        assert!(Instant::now() < end, "{paused:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_connection_that_is_down_holds_up_its_own_queue_and_uses_up_no_tries() {
    for (_, db) in databases().await {
        let systems = Systems::new();
        systems.down.store(true, Ordering::SeqCst);
        let engine = engine(&db, &systems).await;
        let erp = start_many(&engine, "erp/main", 120).await;
        let psa = start_many(&engine, "psa/main", 50).await;
        all_done(&engine, &psa).await;
        assert_eq!(systems.calls("psa/main"), 50);
        let paused = held(&engine, 120).await;
        assert_eq!(paused.pause.connection, "erp/main");
        assert_eq!(paused.pause.failure.code, "vendor_unavailable");

        // A while in which the ERP is asked by one probe at a time and nothing else.
        let while_down = systems.calls("erp/main");
        let began = Instant::now();
        while systems.calls("erp/main") < while_down + 4 {
            assert!(began.elapsed() < WITHIN, "probes end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(
            began.elapsed() > Duration::from_millis(120),
            "probes come too fast"
        );
        assert_eq!(systems.written.load(Ordering::SeqCst), 50);

        systems.down.store(false, Ordering::SeqCst);
        all_done(&engine, &erp).await;
        let calls = systems.calls("erp/main");
        assert!(calls <= 144, "{calls} calls for 120 writes");
        assert!(engine.paused_connections().await.unwrap().is_empty());
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_connection_that_hangs_leaves_workers_to_the_others() {
    for (_, db) in databases().await {
        let systems = Systems::new();
        systems.hangs.store(true, Ordering::SeqCst);
        let engine = engine(&db, &systems).await;
        let erp = start_many(&engine, "erp/main", 40).await;
        let end = Instant::now() + WITHIN;
        // Every worker waits for it: that it hangs shows only after a while.
        while systems.calls("erp/main") < 8 {
            assert!(Instant::now() < end, "{} calls", systems.calls("erp/main"));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let psa = start_many(&engine, "psa/main", 40).await;
        all_done(&engine, &psa).await;
        assert_eq!(
            systems.calls("erp/main"),
            8,
            "no more than had begun wait for what hangs"
        );
        systems.hangs.store(false, Ordering::SeqCst);
        systems.answers.notify_waiters();
        all_done(&engine, &erp).await;
        assert_eq!(systems.calls("erp/main"), 40);
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_pause_and_those_who_wait_outlive_a_new_start() {
    for (_, db) in databases().await {
        let systems = Systems::new();
        systems.down.store(true, Ordering::SeqCst);
        let first = engine(&db, &systems).await;
        let erp = start_many(&first, "erp/main", 20).await;
        let before = held(&first, 20).await;
        first.stop().await;

        let systems = systems.after_a_new_start();
        let second = engine(&db, &systems).await;
        let after = held(&second, 20).await;
        assert_eq!(after.pause.since, before.pause.since);
        systems.down.store(false, Ordering::SeqCst);
        all_done(&second, &erp).await;
        // Nobody tried at once what was known to be in vain: the probe was the first call, and it went through.
        assert!(systems.calls("erp/main") <= 24, "{}", systems.calls("erp/main"));
        second.stop().await;
        let third = engine(&db, &systems.after_a_new_start()).await;
        assert!(
            third.paused_connections().await.unwrap().is_empty(),
            "the end of a pause is kept too"
        );
        third.stop().await;
    }
}

#[tokio::test]
async fn what_another_process_put_aside_is_let_go_when_that_is_gone() {
    for (_, db) in databases().await {
        let systems = Systems::new();
        let engine = engine(&db, &systems).await;
        let ids = start_many(&engine, "erp/main", 5).await;
        // From here on this process has nobody who waits.
        all_done(&engine, &ids).await;
        let aside = db.write(|tx| {
            Box::pin(async move {
                let sql = "UPDATE engine_instances SET status = 'ready', due_ms = 1, ended_ms = NULL, step_index = 0,
                    step_name = 'post', waits_for = 'erp/main'";
                tx.execute(sql, args![]).await
            })
        });
        assert_eq!(aside.await.unwrap(), 5);
        all_done(&engine, &ids).await;
        engine.stop().await;
    }
}
