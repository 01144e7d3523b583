//! How fast the engine is on this machine: processes a second on SQLite with full fsync, with group commit and with one
//! fsync for each transaction, and the ratio of the two. Ratios travel between machines, absolute numbers do not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical_model::{CanonicalId, Failure, Result};
use persistence::{Database, DatabaseSettings, args};
use process_engine::{Engine, EngineSettings, MIGRATIONS, Process, Start, State, StepContext};
use serde::{Deserialize, Serialize};

/// Six steps, as in the other engines that this one is compared with.
const STEPS: u32 = 6;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Count {
    steps: u32,
}

impl State for Count {
    fn title(&self) -> String {
        "A count".to_owned()
    }
}

async fn step(_: &StepContext<()>, state: &mut Count) -> Result<()> {
    state.steps += 1;
    Ok(())
}

fn definition() -> Process<Count, ()> {
    let names = ["one", "two", "three", "four", "five", "six"];
    names
        .into_iter()
        .fold(Process::named("count"), |process, name| process.step(name, step))
}

#[tokio::main]
async fn main() -> Result<()> {
    let instances = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(3000);
    let folder = std::env::temp_dir().join(format!("fairlead-throughput-{}", CanonicalId::generate()));
    let grouped = measure(&folder.join("grouped.db"), 256, instances).await?;
    // One fsync for each transaction is slow: fewer tell as much.
    let single = measure(&folder.join("single.db"), 1, instances / 5).await?;
    tell(&format!(
        "{STEPS}-step processes a second, SQLite, synchronous=FULL"
    ));
    tell(&format!(
        "  group commit              {:>8.0}   ({:.1} transactions a commit)",
        grouped.rate, grouped.group
    ));
    tell(&format!(
        "  one fsync a transaction   {:>8.0}   ({:.1})",
        single.rate, single.group
    ));
    tell(&format!(
        "  ratio                     {:>8.1}",
        grouped.rate / single.rate
    ));
    let _kept_where_it_cannot_be_removed = std::fs::remove_dir_all(&folder);
    Ok(())
}

struct Measured {
    rate: f64,
    group: f64,
}

async fn measure(path: &std::path::Path, group_size: usize, instances: u32) -> Result<Measured> {
    let settings = DatabaseSettings {
        group_size,
        ..DatabaseSettings::at(format!("sqlite:{}", path.display()), None)
    };
    let db = Database::open(&settings, &MIGRATIONS).await?;
    let settings = EngineSettings {
        workers: 256,
        ..EngineSettings::default()
    };
    let engine = Engine::builder(db.clone(), Arc::new(()), settings)
        .process(definition())
        .start()
        .await?;
    let before = db.statistics();
    let began = Instant::now();
    let starts = (0..instances).map(|n| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let (key, state) = (n.to_string(), Count::default());
            let start = Start {
                process: "count",
                business_key: &key,
                correlation_id: "bench",
                state: &state,
            };
            engine.start(start).await
        })
    });
    for started in futures_util::future::join_all(starts.collect::<Vec<_>>()).await {
        started.map_err(|e| Failure::fault("bench_failed", e.to_string()))??;
    }
    while left(&db).await? > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (took, after) = (began.elapsed().as_secs_f64(), db.statistics());
    engine.stop().await;
    let part = |jobs: u64| u32::try_from(jobs).map(f64::from).unwrap_or_default();
    Ok(Measured {
        rate: f64::from(instances) / took,
        group: part(after.jobs - before.jobs) / part(after.commits - before.commits).max(1.0),
    })
}

async fn left(db: &Database) -> Result<i64> {
    let row = db.read(|tx| {
        Box::pin(async move {
            tx.one(
                "SELECT COUNT(*) AS n FROM engine_instances WHERE ended_ms IS NULL",
                args![],
            )
            .await
        })
    });
    row.await?.map_or(Ok(0), |row| row.int("n"))
}

fn tell(line: &str) {
    #[expect(
        clippy::print_stdout,
        reason = "an example that measures says what it measured"
    )]
    {
        println!("{line}");
    }
}
