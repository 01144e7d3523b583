//! The engine's promises, on SQLite always and on PostgreSQL where `FAIRLEAD_TEST_POSTGRES` names a server.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where it fails, in its helpers too"
)]

mod compensation;
mod effects;
mod items;
mod kill_nine;
mod leases;
mod pauses;
mod steps;
mod suite;
mod world;

use std::sync::Arc;
use std::time::Duration;

use canonical_model::{CanonicalId, Event, ExceptionRecord, Resolution, ResolutionAction};
use persistence::Database;
use process_engine::{
    Engine, EngineSettings, ExceptionFilter, InstanceSummary, MIGRATIONS, Process, RetrySettings, Start,
    State,
};

use world::World;

const WITHIN: Duration = Duration::from_secs(30);

async fn databases() -> Vec<(&'static str, Database)> {
    testkit::test_database(&MIGRATIONS).await
}

fn settings() -> EngineSettings {
    EngineSettings {
        workers: 8,
        poll_ms: 20,
        retry: RetrySettings {
            first_ms: 1,
            max_ms: 4,
            budget_ms: 60_000,
        },
        ..EngineSettings::default()
    }
}

async fn engine<St: State>(db: &Database, world: &Arc<World>, process: Process<St, World>) -> Engine<World> {
    let builder = Engine::builder(db.clone(), Arc::clone(world), settings()).source("/process/test");
    builder.process(process).start().await.unwrap()
}

async fn start(
    engine: &Engine<World>,
    process: &str,
    key: &str,
    state: &impl serde::Serialize,
) -> CanonicalId
where
{
    let state = serde_json::to_value(state).unwrap();
    let start = Start {
        process,
        business_key: key,
        correlation_id: "test",
        state: &state,
    };
    engine.start(start).await.unwrap().instance_id
}

async fn rest(engine: &Engine<World>, id: CanonicalId) -> InstanceSummary {
    engine.rest(id, WITHIN).await.unwrap()
}

fn decide(action: ResolutionAction) -> Resolution {
    Resolution {
        action,
        reason: Some("because of the test".to_owned()),
        answer: None,
    }
}

/// The exception that an instance waits with.
async fn exception(engine: &Engine<World>, id: CanonicalId) -> ExceptionRecord {
    let filter = ExceptionFilter {
        instance_id: Some(id),
        ..ExceptionFilter::default()
    };
    let mut page = engine.exceptions(filter).await.unwrap();
    page.items.pop().unwrap()
}

/// Decides about the exception of a parked instance and waits until that has its effect.
async fn resolve(engine: &Engine<World>, id: CanonicalId, resolution: Resolution) -> InstanceSummary {
    let exception = rest(engine, id).await.exception_id.unwrap();
    let before = engine.instance(id).await.unwrap().summary.updated_at;
    engine
        .resolve_exception(exception, resolution, "anna")
        .await
        .unwrap();
    let mut summary = rest(engine, id).await;
    while summary.updated_at == before {
        tokio::task::yield_now().await;
        summary = rest(engine, id).await;
    }
    rest(engine, id).await
}

async fn events(engine: &Engine<World>) -> Vec<Event> {
    engine.events("", 1000).await.unwrap().events
}
