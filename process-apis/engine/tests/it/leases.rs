//! Who owns an instance, and what becomes of it when its owner is gone.

use std::sync::Arc;

use canonical_model::Result;
use process_engine::testing::{expire_leases, kill};
use process_engine::{InstanceState, Process, State, StepContext};
use serde::{Deserialize, Serialize};

use crate::world::{World, put};
use crate::{databases, engine, rest, start};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Turn {
    steps: Vec<String>,
}

impl State for Turn {
    fn title(&self) -> String {
        "A turn".to_owned()
    }
}

/// Stands still at the first worker that comes here.
async fn meet(ctx: &StepContext<World>, state: &mut Turn) -> Result<()> {
    if ctx.services().calls().is_empty() {
        put(ctx, "arrived").await?;
        ctx.services().reached.notify_one();
        ctx.services().go_on.notified().await;
        // Whoever has lost the lease must not get this out.
        put(ctx, "late").await?;
        ctx.services().reached.notify_one();
    }
    state.steps.push(ctx.step().to_owned());
    Ok(())
}

async fn end(ctx: &StepContext<World>, state: &mut Turn) -> Result<()> {
    put(ctx, "ended").await?;
    state.steps.push(ctx.step().to_owned());
    Ok(())
}

fn definition() -> Process<Turn, World> {
    Process::named("turn").step("meet", meet).step("end", end)
}

#[tokio::test]
async fn of_two_workers_one_takes_up_what_the_killed_one_left() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let first = engine(&db, &world, definition()).await;
        let id = start(&first, "turn", "t", &Turn::default()).await;
        world.reached.notified().await;
        let second = engine(&db, &world, definition()).await;
        kill(&first).await;
        expire_leases(&db).await.unwrap();
        assert_eq!(rest(&second, id).await.state, InstanceState::Done);
        assert_eq!(world.calls(), ["arrived", "ended"]);
        second.stop().await;
    }
}

#[tokio::test]
async fn a_worker_that_has_lost_its_lease_neither_journals_nor_sends() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let zombie = engine(&db, &world, definition()).await;
        let id = start(&zombie, "turn", "t", &Turn::default()).await;
        world.reached.notified().await;
        expire_leases(&db).await.unwrap();
        // Whoever claims it now, the same engine or the other: the first lease is gone.
        let other = engine(&db, &world, definition()).await;
        assert_eq!(rest(&other, id).await.state, InstanceState::Done);
        let before = other.instance(id).await.unwrap();
        world.go_on.notify_one();
        zombie.stop().await;
        other.stop().await;
        assert_eq!(world.calls(), ["arrived", "ended"], "what a zombie sent");
        assert_eq!(other.instance(id).await.unwrap(), before);
    }
}

#[tokio::test]
async fn an_expired_lease_that_nobody_took_is_lost_all_the_same() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let slow = engine(&db, &world, definition()).await;
        let id = start(&slow, "turn", "t", &Turn::default()).await;
        world.reached.notified().await;
        expire_leases(&db).await.unwrap();
        world.go_on.notify_one();
        assert_eq!(rest(&slow, id).await.state, InstanceState::Done);
        assert!(!world.calls().contains(&"late".to_owned()));
        slow.stop().await;
    }
}

#[tokio::test]
async fn a_stopped_engine_leaves_work_that_the_next_one_ends() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let first = engine(&db, &world, definition()).await;
        let id = start(&first, "turn", "t", &Turn::default()).await;
        world.reached.notified().await;
        world.go_on.notify_one();
        first.stop().await;
        let second = engine(&db, &world, definition()).await;
        assert_eq!(rest(&second, id).await.state, InstanceState::Done);
        assert_eq!(world.calls().len(), 3);
        second.stop().await;
    }
}
