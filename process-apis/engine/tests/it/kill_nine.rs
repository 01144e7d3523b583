//! A process that is killed in the middle, several times, and the one that ends its work.

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical_model::{EffectKey, Result, Written};
use persistence::{Database, DatabaseSettings, Migration, args};
use process_engine::{
    Engine, EngineSettings, InstanceFilter, InstanceState, MIGRATIONS, Process, Start, State, StepContext,
};
use serde::{Deserialize, Serialize};

use crate::settings;

const INSTANCES: usize = 60;
const STEPS: usize = 4;
const CHILD: &str = "FAIRLEAD_TEST_KILLED_CHILD";

/// The system of record: a database of its own, so that it outlives whoever writes.
const VENDOR: Migration = Migration {
    name: "vendor-1",
    sql: "CREATE TABLE records (key TEXT PRIMARY KEY);
        CREATE TABLE calls (id TEXT PRIMARY KEY, key TEXT NOT NULL)",
};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Count {
    written: Vec<String>,
}

impl State for Count {
    fn title(&self) -> String {
        "A count".to_owned()
    }
}

async fn write(ctx: &StepContext<Database>, state: &mut Count) -> Result<()> {
    let vendor = ctx.services();
    let send = |key: EffectKey| async move { insert(vendor, key).await };
    let find = |key: EffectKey| async move {
        let (text, id) = (key.to_string(), key.to_string());
        let found = vendor.read(move |tx| {
            Box::pin(async move {
                tx.one("SELECT key FROM records WHERE key = $1", args![text])
                    .await
            })
        });
        Ok(found.await?.map(|_| Written {
            id,
            code: None,
            version: None,
            created: Some(false),
        }))
    };
    state.written.push(
        ctx.effect("vendor record", "record", &"record", send, find)
            .await?
            .id,
    );
    Ok(())
}

async fn insert(vendor: &Database, key: EffectKey) -> Result<Written> {
    let id = key.to_string();
    let text = id.clone();
    let inserted = vendor.write(move |tx| {
        Box::pin(async move {
            let call = canonical_model::CanonicalId::generate();
            tx.execute("INSERT INTO calls (id, key) VALUES ($1, $2)", args![call, &text])
                .await?;
            tx.execute("INSERT INTO records (key) VALUES ($1)", args![text])
                .await
        })
    });
    inserted.await?;
    Ok(Written {
        id,
        code: None,
        version: None,
        created: Some(true),
    })
}

fn definition() -> Process<Count, Database> {
    Process::named("count")
        .step("a", write)
        .step("b", write)
        .step("c", write)
        .step("d", write)
}

async fn open(url: &str) -> (Database, Database) {
    let [engine, vendor] = url.split('|').collect::<Vec<_>>().try_into().unwrap();
    let at = |text: &str| match text.split_once('#') {
        Some((url, schema)) => DatabaseSettings::at(url, Some(schema)),
        None => DatabaseSettings::at(text, None),
    };
    let db = Database::open(&at(engine), &MIGRATIONS).await.unwrap();
    (db, Database::open(&at(vendor), &[VENDOR]).await.unwrap())
}

async fn engine(db: &Database, vendor: &Database) -> Engine<Database> {
    let settings = EngineSettings {
        lease_ms: 400,
        ..settings()
    };
    let builder = Engine::builder(db.clone(), Arc::new(vendor.clone()), settings);
    builder.process(definition()).start().await.unwrap()
}

/// Not a test: what the killed process runs.
#[tokio::test]
async fn child() {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no settings; the parent says what to open"
    )]
    let Ok(url) = std::env::var(CHILD) else { return };
    let (db, vendor) = open(&url).await;
    let _engine = engine(&db, &vendor).await;
    std::future::pending::<()>().await;
}

fn spawn(url: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "kill_nine::child", "--nocapture"])
        .env(CHILD, url);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn count(db: &Database, sql: &'static str) -> usize {
    let row = db
        .read(move |tx| Box::pin(async move { tx.one(sql, args![]).await }))
        .await;
    usize::try_from(row.unwrap().unwrap().int("n").unwrap()).unwrap()
}

async fn killed_and_ended(url: &str) {
    let (db, vendor) = open(url).await;
    let started = Engine::builder(db.clone(), Arc::new(vendor.clone()), settings()).process(definition());
    let starter = started.start().await.unwrap();
    starter.stop().await;
    for n in 0..INSTANCES {
        let start = Start {
            process: "count",
            business_key: &n.to_string(),
            correlation_id: "c",
            state: &Count::default(),
        };
        starter.start(start).await.unwrap();
    }
    for kill in 1..=3 {
        let mut child = spawn(url);
        let (end, enough) = (
            Instant::now() + Duration::from_secs(30),
            kill * INSTANCES * STEPS / 4,
        );
        while count(&vendor, "SELECT COUNT(*) AS n FROM records").await < enough {
            assert!(Instant::now() < end, "the child does not get on");
            // Another process writes: there is nothing to wait for but its records.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = engine(&db, &vendor).await;
    let ids: Vec<_> = last
        .instances(InstanceFilter::default())
        .await
        .unwrap()
        .items
        .iter()
        .map(|i| i.id)
        .collect();
    for id in &ids {
        let ended = last.rest(*id, Duration::from_secs(30)).await.unwrap();
        assert_eq!(ended.state, InstanceState::Done);
    }
    last.stop().await;
    assert_eq!(ids.len(), INSTANCES);
    let records = count(&vendor, "SELECT COUNT(*) AS n FROM records").await;
    let calls = count(&vendor, "SELECT COUNT(*) AS n FROM calls").await;
    // The vendor refuses a key that it has: a blind resend would have stopped an instance.
    assert_eq!((records, calls), (INSTANCES * STEPS, INSTANCES * STEPS));
    let done = count(
        &db,
        "SELECT COUNT(*) AS n FROM engine_journal WHERE kind = 'done'",
    )
    .await;
    assert_eq!(done, INSTANCES * STEPS);
}

#[tokio::test]
async fn a_process_killed_three_times_ends_with_each_record_once_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    killed_and_ended(&format!(
        "sqlite:{}|sqlite:{}",
        path("engine.db"),
        path("vendor.db")
    ))
    .await;
}

#[tokio::test]
async fn a_process_killed_three_times_ends_with_each_record_once_on_postgres() {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests have no settings; this variable names their server"
    )]
    let Ok(url) = std::env::var("FAIRLEAD_TEST_POSTGRES") else {
        return;
    };
    let schema = format!("t_{}", uuid::Uuid::now_v7().simple());
    killed_and_ended(&format!("{url}#{schema}|{url}#{schema}v")).await;
}
