//! Items that wait for a person while their instance goes on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use canonical_model::{
    Currency, ExceptionCause, ExceptionState, Failure, Money, Resolution, ResolutionAction, Result,
};
use persistence::{Database, Migration, args};
use process_engine::{
    AtRisk, Engine, ExceptionFilter, GroupContext, InstanceState, ItemContext, ItemException, MIGRATIONS,
    Process, State, StepContext,
};
use serde::{Deserialize, Serialize};

use crate::world::World;
use crate::{WITHIN, decide, engine, events, rest, settings, start};

const LINES: Migration = Migration {
    name: "lines-1",
    sql: "CREATE TABLE lines (line TEXT PRIMARY KEY, state TEXT NOT NULL)",
};

#[derive(Clone, Serialize, Deserialize)]
struct Batch {
    lines: usize,
}

impl State for Batch {
    fn title(&self) -> String {
        format!("{} lines", self.lines)
    }
}

async fn post(ctx: &StepContext<World>, state: &mut Batch) -> Result<()> {
    for line in 0..state.lines {
        ctx.raise(ItemException {
            item_key: format!("{} line {line}", ctx.business_key()),
            title: format!("Line {line}"),
            failure: Failure::business("role_not_mapped", "role 117 is not mapped"),
            subject: "role:psa/main:117".to_owned(),
            at_risk: AtRisk {
                money: Some(Money::from_minor(1050, Currency::EUR)),
                ..AtRisk::default()
            },
        });
    }
    Ok(())
}

async fn resolved(ctx: &ItemContext<World>, item_key: &str, resolution: &Resolution) -> Result<()> {
    if item_key.ends_with("line 7") {
        return Err(Failure::business(
            "still_not_mapped",
            "role 117 is still not mapped",
        ));
    }
    let state = if resolution.action == ResolutionAction::Skip {
        "left out"
    } else {
        "queued"
    };
    let line = item_key.to_owned();
    ctx.on_commit(move |tx| {
        Box::pin(async move {
            tx.execute(
                "INSERT INTO lines (line, state) VALUES ($1, $2)",
                args![line, state],
            )
            .await
            .map(|_| ())
        })
    });
    Ok(())
}

async fn all_resolved(
    ctx: &GroupContext<World>,
    item_keys: &[String],
    resolution: &Resolution,
) -> Result<()> {
    assert_eq!(resolution.action, ResolutionAction::Retry);
    if item_keys.len() < 1000 && item_keys.iter().any(|key| key.ends_with("line 7")) {
        return Err(Failure::business("still_not_mapped", "one of them is not"));
    }
    let rows = item_keys.iter().map(|key| args![key, "queued"]).collect();
    ctx.on_commit(move |tx| {
        Box::pin(async move {
            tx.insert("INSERT INTO lines (line, state)", rows, "")
                .await
                .map(|_| ())
        })
    });
    Ok(())
}

fn definition() -> Process<Batch, World> {
    Process::named("posting")
        .step("post", post)
        .on_item_resolution(resolved)
}

async fn databases() -> Vec<(&'static str, Database)> {
    testkit::test_database(&[&MIGRATIONS[..], &[LINES]].concat()).await
}

async fn queued(db: &Database) -> i64 {
    let row = db.read(|tx| {
        Box::pin(async move {
            tx.one("SELECT COUNT(*) AS n FROM lines WHERE state = 'queued'", args![])
                .await
        })
    });
    row.await.unwrap().unwrap().int("n").unwrap()
}

/// Waits until no exception is on its way any more.
async fn settled(engine: &Engine<World>) {
    let filter = || ExceptionFilter {
        state: Some(ExceptionState::Retrying),
        limit: Some(1),
        ..ExceptionFilter::default()
    };
    let end = Instant::now() + WITHIN * 4;
    let mut changed = String::new();
    while !engine.exceptions(filter()).await.unwrap().items.is_empty() {
        assert!(Instant::now() < end, "exceptions are still on their way");
        changed = engine
            .wait_for_events(&changed, 1000, WITHIN)
            .await
            .unwrap()
            .next_cursor;
    }
}

#[tokio::test]
async fn a_group_is_resolved_as_one_and_what_still_fails_comes_back() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let engine = engine(&db, &world, definition()).await;
        let id = start(&engine, "posting", "batch-1", &Batch { lines: 300 }).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        let groups = engine.exception_groups().await.unwrap();
        assert_eq!((groups.len(), groups[0].open), (1, 300));
        assert_eq!(
            groups[0].money_at_risk,
            vec![Money::from_minor(315_000, Currency::EUR)]
        );
        let cause = groups[0].cause.clone();
        let decided = engine
            .resolve_group(cause.clone(), decide(ResolutionAction::Retry), "anna")
            .await;
        assert_eq!(decided.unwrap(), 300);
        settled(&engine).await;
        assert_eq!(queued(&db).await, 299);
        let groups = engine.exception_groups().await.unwrap();
        assert_eq!(
            (groups.len(), groups[0].open, groups[0].cause.code.as_str()),
            (1, 1, "still_not_mapped")
        );
        assert_eq!(
            engine
                .resolve_group(cause, decide(ResolutionAction::Retry), "anna")
                .await
                .unwrap(),
            0
        );
        let told = engine.events("", 1000).await.unwrap().events;
        assert_eq!(
            told.iter()
                .filter(|event| event.kind == "exception.closed")
                .count(),
            299
        );
        assert_eq!(
            told.iter().filter(|event| event.kind == "decision.made").count(),
            1
        );
        engine.stop().await;
    }
}

#[tokio::test]
async fn one_item_is_skipped_with_a_reason() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let engine = engine(&db, &world, definition()).await;
        start(&engine, "posting", "batch-1", &Batch { lines: 2 }).await;
        let item = loop {
            let page = engine.exceptions(ExceptionFilter::default()).await.unwrap();
            match page.items.first() {
                Some(item) => break item.clone(),
                None => drop(engine.wait_for_events("", 1, WITHIN).await.unwrap()),
            }
        };
        engine
            .resolve_exception(item.id, decide(ResolutionAction::Skip), "anna")
            .await
            .unwrap();
        settled(&engine).await;
        let closed = engine.exception(item.id).await.unwrap();
        assert_eq!(
            (closed.state, closed.business_key),
            (ExceptionState::Skipped, "batch-1 line 0".to_owned())
        );
        assert_eq!(queued(&db).await, 0);
        engine.stop().await;
    }
}

#[tokio::test]
async fn an_item_that_is_raised_again_keeps_its_exception() {
    async fn twice(ctx: &StepContext<World>, state: &mut Batch) -> Result<()> {
        post(ctx, state).await
    }
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let process = Process::named("posting")
            .step("post", post)
            .step("again", twice)
            .on_item_resolution(resolved);
        let engine = engine(&db, &world, process).await;
        let id = start(&engine, "posting", "batch-1", &Batch { lines: 5 }).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        assert_eq!(
            engine
                .exceptions(ExceptionFilter::default())
                .await
                .unwrap()
                .items
                .len(),
            5
        );
        let kinds: Vec<_> = events(&engine)
            .await
            .into_iter()
            .map(|event| event.kind)
            .collect();
        assert_eq!(kinds.iter().filter(|kind| *kind == "exception.opened").count(), 5);
        assert_eq!(
            kinds.iter().filter(|kind| *kind == "exception.changed").count(),
            5
        );
        engine.stop().await;
    }
}

#[tokio::test]
async fn fifty_thousand_exceptions_of_one_cause_are_marked_by_one_statement() {
    let mut databases = databases().await;
    let (_, db) = databases.swap_remove(0);
    let world = Arc::new(World::default());
    // The engine that raised them is stopped, so that only the marking is measured.
    let raising = engine(&db, &world, definition()).await;
    for batch in 0..10 {
        let id = start(
            &raising,
            "posting",
            &format!("batch-{batch}"),
            &Batch { lines: 5000 },
        )
        .await;
        assert_eq!(rest(&raising, id).await.state, InstanceState::Done);
    }
    raising.stop().await;
    let (before, began) = (db.statistics(), Instant::now());
    let cause = ExceptionCause {
        code: "role_not_mapped".to_owned(),
        subject: "role:psa/main:117".to_owned(),
    };
    let decided = raising
        .resolve_group(cause, decide(ResolutionAction::Retry), "anna")
        .await
        .unwrap();
    let jobs = db.statistics().jobs - before.jobs;
    assert_eq!(decided, 50_000);
    // One of the marking; what an engine does that stops may be another.
    assert!(jobs <= 2, "{jobs} transactions");
    assert!(began.elapsed() < WITHIN, "marking took {:?}", began.elapsed());
    // The background goes through them page by page: to take a page and to close it is two transactions.
    let (before, began) = (db.statistics(), Instant::now());
    let process = definition().on_group_resolution(all_resolved);
    let builder = Engine::builder(db.clone(), world, settings()).process(process);
    let working = builder.start().await.unwrap();
    while queued(&db).await < 50_000 {
        assert!(began.elapsed() < WITHIN * 4, "{} of 50000", queued(&db).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let took = began.elapsed();
    settled(&working).await;
    let jobs = db.statistics().jobs - before.jobs;
    assert!(jobs < 150, "{jobs} transactions in {took:?}");
    assert!(working.exception_groups().await.unwrap().is_empty());
    working.stop().await;
}

#[tokio::test]
async fn a_page_that_fails_is_resolved_one_by_one() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let process = definition().on_group_resolution(all_resolved);
        let engine = engine(&db, &world, process).await;
        let id = start(&engine, "posting", "batch-1", &Batch { lines: 20 }).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        let cause = engine.exception_groups().await.unwrap()[0].cause.clone();
        let again = async |cause: ExceptionCause, action| {
            let decided = engine.resolve_group(cause, decide(action), "anna").await.unwrap();
            settled(&engine).await;
            decided
        };
        // Line 7 spoils the page, and only itself.
        assert_eq!(again(cause, ResolutionAction::Retry).await, 20);
        assert_eq!(queued(&db).await, 19);
        let groups = engine.exception_groups().await.unwrap();
        assert_eq!(
            (groups[0].open, groups[0].cause.code.as_str()),
            (1, "still_not_mapped")
        );
        engine.stop().await;
    }
}
