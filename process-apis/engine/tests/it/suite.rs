//! The fault suite, on a process that uses what the engine has.

use std::sync::Arc;

use canonical_model::{CanonicalId, EffectKey, Result};
use persistence::{Database, EngineKind};
use process_engine::testing::{self, Report, Scenario};
use process_engine::{Engine, EngineBuilder, Process, Start, State, StepContext};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::databases;
use crate::world::{World, put};

type Ctx = StepContext<World>;

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    customer: Option<String>,
    lines: Vec<String>,
    approved_by: Option<String>,
}

impl State for Order {
    fn title(&self) -> String {
        "An order".to_owned()
    }
}

#[derive(Serialize, Deserialize)]
struct Approval {
    by: String,
}

fn definition() -> Process<Order, World> {
    Process::named("order")
        .step("create_customer", create_customer)
        .undo(remove_customer)
        .step("create_lines", create_lines)
        .undo(remove_lines)
        .wait("approval", approve)
        .step("tell", tell)
}

async fn create_customer(ctx: &Ctx, state: &mut Order) -> Result<()> {
    let id = ctx.id("customer");
    state.customer = Some(put(ctx, &format!("customer {id}")).await?.id);
    Ok(())
}

async fn remove_customer(ctx: &Ctx, state: &mut Order) -> Result<()> {
    state.customer = None;
    remove_all(ctx).await
}

/// What the step wrote, whether or not its state came to be.
async fn remove_all(ctx: &Ctx) -> Result<()> {
    let written = ctx.written_by(ctx.step()).await?;
    written
        .values()
        .for_each(|written| ctx.services().remove(&written.id));
    Ok(())
}

async fn create_lines(ctx: &Ctx, state: &mut Order) -> Result<()> {
    let items = (0..3)
        .map(|n| (format!("line {n}"), json!({ "line": n, "at": ctx.now() })))
        .collect();
    let world = ctx.services();
    let send = |keys: Vec<(usize, EffectKey)>| async move {
        world
            .write_all(
                keys.into_iter()
                    .map(|(n, key)| (key, format!("line {n}")))
                    .collect(),
            )
            .await
    };
    let find = |key: EffectKey| async move { world.find(&key).await };
    for written in ctx.effects("erp/main line", items, send, find).await? {
        state.lines.push(written?.id);
    }
    Ok(())
}

async fn remove_lines(ctx: &Ctx, state: &mut Order) -> Result<()> {
    state.lines.clear();
    remove_all(ctx).await
}

async fn approve(_: &Ctx, state: &mut Order, approval: Approval) -> Result<()> {
    state.approved_by = Some(approval.by);
    Ok(())
}

async fn tell(ctx: &Ctx, _: &mut Order) -> Result<()> {
    ctx.emit_event("order.made", ctx.business_key(), json!({}));
    Ok(())
}

struct Orders(EngineKind);

#[async_trait::async_trait]
impl Scenario for Orders {
    type Services = World;

    async fn database(&self) -> Database {
        let mut databases = databases().await.into_iter().map(|(_, db)| db);
        databases.find(|db| db.engine() == self.0).unwrap()
    }

    async fn services(&self) -> Arc<World> {
        Arc::new(World::default())
    }

    fn define(&self, builder: EngineBuilder<World>) -> EngineBuilder<World> {
        builder.process(definition())
    }

    async fn start(&self, engine: &Engine<World>) -> Result<CanonicalId> {
        let state = Order {
            customer: None,
            lines: Vec::new(),
            approved_by: None,
        };
        let start = Start {
            process: "order",
            business_key: "order-1",
            correlation_id: "c",
            state: &state,
        };
        Ok(engine.start(start).await?.instance_id)
    }

    async fn accompany(&self, engine: &Engine<World>, id: CanonicalId) -> Result<()> {
        engine
            .signal(
                id,
                "approval",
                &Approval {
                    by: "anna".to_owned(),
                },
            )
            .await
    }

    async fn check_done(&self, world: &World, db: &Database, case: &str) {
        let contents = world.contents();
        assert_eq!(contents.len(), 4, "{case}: {contents:?}");
        assert_eq!(contents[1..], ["line 0", "line 1", "line 2"], "{case}");
        let page = db
            .read(|tx| Box::pin(async move { persistence::outbox::page(tx, "", 1000).await }))
            .await;
        let kinds: Vec<_> = page.unwrap().events.into_iter().map(|event| event.kind).collect();
        assert_eq!(
            kinds.iter().filter(|kind| *kind == "order.made").count(),
            1,
            "{case}: {kinds:?}"
        );
        assert_eq!(
            kinds.iter().filter(|kind| *kind == "effect.applied").count(),
            4,
            "{case}: {kinds:?}"
        );
    }

    async fn check_undone(&self, world: &World, _: &Database, case: &str) {
        assert_eq!(world.contents(), Vec::<String>::new(), "{case}");
    }
}

async fn suite(kind: EngineKind) -> Report {
    testing::run(&Orders(kind)).await
}

#[tokio::test]
async fn whatever_happens_on_the_way_everything_happens_once_on_sqlite() {
    let report = suite(EngineKind::Sqlite).await;
    // Two calls of effects, each with its request, its answer and its result; four steps; a wait may come between.
    assert!(report.crashes >= 10 && report.lost_answers == 4, "{report:?}");
}

#[tokio::test]
async fn whatever_happens_on_the_way_everything_happens_once_on_postgres() {
    if databases().await.len() < 2 {
        return;
    }
    let report = suite(EngineKind::Postgres).await;
    assert!(report.crashes >= 10 && report.lost_answers == 4, "{report:?}");
}
