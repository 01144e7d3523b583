//! Steps, retries, waits, answers, versions.

use std::sync::Arc;

use canonical_model::{CanonicalId, ExceptionState, Failure, ResolutionAction, Result};
use chrono::{TimeDelta, Utc};
use futures_util::future::join_all;
use persistence::args;
use process_engine::{
    Engine, InstanceFilter, InstanceState, OwnerRule, Process, RetrySettings, Start, State, StepContext,
    StepState,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::world::{Next, World, put};
use crate::{WITHIN, databases, decide, engine, events, exception, resolve, rest, settings, start};

type Ctx = StepContext<World>;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Walk {
    seen: Vec<String>,
}

impl State for Walk {
    fn title(&self) -> String {
        format!("A walk of {} steps", self.seen.len())
    }
}

async fn one(ctx: &Ctx, state: &mut Walk) -> Result<()> {
    state.seen.push(format!("{} {}", ctx.step(), ctx.id("x")));
    Ok(())
}

async fn two(_: &Ctx, state: &mut Walk) -> Result<()> {
    state.seen.push("two".to_owned());
    Ok(())
}

/// Fails as the world says.
async fn asks(ctx: &Ctx, state: &mut Walk) -> Result<()> {
    if let Some(answer) = ctx.answer::<String>() {
        state.seen.push(answer);
        return Ok(());
    }
    put(ctx, "x")
        .await
        .map_err(|failure| ctx.about("role:psa/main:117", failure))?;
    Ok(())
}

fn walk() -> Process<Walk, World> {
    Process::named("walk")
        .step("one", one)
        .step("asks", asks)
        .owner(
            "role_not_mapped",
            OwnerRule {
                role: "data_steward",
                sla_hours: 8,
            },
        )
        .step("two", two)
}

#[tokio::test]
async fn a_hundred_starts_at_once_make_one_instance() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let engine = engine(&db, &world, walk()).await;
        let started = join_all((0..100).map(|_| {
            let engine = engine.clone();
            async move {
                let start = Start {
                    process: "walk",
                    business_key: "deal-1",
                    correlation_id: "c",
                    state: &Walk::default(),
                };
                engine.start(start).await.unwrap()
            }
        }))
        .await;
        assert_eq!(started.iter().filter(|started| started.new).count(), 1);
        assert!(
            started
                .iter()
                .all(|other| other.instance_id == started[0].instance_id)
        );
        assert_eq!(
            rest(&engine, started[0].instance_id).await.state,
            InstanceState::Done
        );
        assert_eq!(
            engine
                .instances(InstanceFilter::default())
                .await
                .unwrap()
                .items
                .len(),
            1
        );
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_transient_failure_is_tried_again_and_a_spent_budget_waits_for_a_person() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let locked = || Next::Refuse(Failure::transient("record_locked", "somebody has it"));
        world.will(locked());
        world.will(locked());
        let engine = engine(&db, &world, walk()).await;
        let id = start(&engine, "walk", "a", &Walk::default()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        assert_eq!(world.calls().len(), 3);
        engine.stop().await;

        let mut hasty = settings();
        hasty.retry = RetrySettings {
            budget_ms: 0,
            ..hasty.retry
        };
        world.will(locked());
        let builder = Engine::builder(db.clone(), Arc::clone(&world), hasty).process(walk());
        let engine = builder.start().await.unwrap();
        let id = start(&engine, "walk", "b", &Walk::default()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Parked);
        assert_eq!(exception(&engine, id).await.failure.code, "record_locked");
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_business_failure_waits_for_its_owner_with_everything_needed() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(Next::Refuse(Failure::business(
            "role_not_mapped",
            "role 117 is not mapped",
        )));
        let engine = engine(&db, &world, walk()).await;
        let id = start(&engine, "walk", "deal-1", &Walk::default()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Parked);
        let parked = exception(&engine, id).await;
        assert_eq!(
            (parked.owner_role.as_str(), parked.step.as_str()),
            ("data_steward", "asks")
        );
        assert_eq!(
            (parked.cause.code.as_str(), parked.cause.subject.as_str()),
            ("role_not_mapped", "role:psa/main:117")
        );
        assert_eq!(parked.due_at - parked.opened_at, TimeDelta::hours(8));
        assert_eq!(parked.title, "A walk of 1 steps");
        let assigned = engine
            .assign_exception(parked.id, Some("anna".to_owned()))
            .await
            .unwrap();
        assert_eq!(assigned.state, ExceptionState::Assigned);
        let refused = engine
            .resolve_exception(parked.id, Resolution::skip(None), "anna")
            .await;
        assert_eq!(refused.unwrap_err().code, "reason_missing");
        let mut answer = decide(ResolutionAction::Answer);
        answer.answer = Some(json!("the role is a designer"));
        assert_eq!(resolve(&engine, id, answer).await.state, InstanceState::Done);
        let closed = engine.exception(parked.id).await.unwrap();
        assert_eq!(
            (closed.state, closed.closed_at.is_some()),
            (ExceptionState::Resolved, true)
        );
        let refused = engine
            .resolve_exception(parked.id, decide(ResolutionAction::Retry), "anna")
            .await;
        assert_eq!(refused.unwrap_err().code, "already_closed");
        let told: Vec<String> = events(&engine)
            .await
            .into_iter()
            .map(|event| event.kind)
            .collect();
        let expected = [
            "exception.opened",
            "exception.changed",
            "exception.changed",
            "decision.made",
            "exception.closed",
        ];
        assert_eq!(told, expected);
        engine.stop().await;
    }
}

/// What a desk sends.
struct Resolution;

impl Resolution {
    fn skip(reason: Option<&str>) -> canonical_model::Resolution {
        canonical_model::Resolution {
            action: ResolutionAction::Skip,
            reason: reason.map(str::to_owned),
            answer: None,
        }
    }
}

#[tokio::test]
async fn an_answer_that_does_not_read_comes_back_to_the_person() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(Next::Refuse(Failure::business(
            "role_not_mapped",
            "role 117 is not mapped",
        )));
        let engine = engine(&db, &world, walk()).await;
        let id = start(&engine, "walk", "deal-1", &Walk::default()).await;
        let mut answer = decide(ResolutionAction::Answer);
        answer.answer = Some(json!({ "wrong": true }));
        assert_eq!(resolve(&engine, id, answer).await.state, InstanceState::Parked);
        assert_eq!(exception(&engine, id).await.failure.code, "malformed_answer");
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_skipped_step_stays_visible_with_its_reason_and_can_be_done_by_replay() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(Next::Refuse(Failure::business(
            "role_not_mapped",
            "role 117 is not mapped",
        )));
        let engine = engine(&db, &world, walk()).await;
        let id = start(&engine, "walk", "deal-1", &Walk::default()).await;
        let skipped = resolve(&engine, id, Resolution::skip(Some("not wanted"))).await;
        assert_eq!(skipped.state, InstanceState::Done);
        assert_eq!(exception(&engine, id).await.state, ExceptionState::Skipped);
        let steps = engine.instance(id).await.unwrap().steps;
        let states: Vec<_> = steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Done, StepState::Skipped, StepState::Done]);
        assert_eq!(
            (steps[1].actor.as_deref(), steps[1].reason.as_deref()),
            (Some("anna"), Some("not wanted"))
        );

        engine
            .replay(id, "asks", "anna", "wanted after all")
            .await
            .unwrap();
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        assert_eq!(world.contents(), ["x"]);
        engine.replay(id, "asks", "anna", "once more").await.unwrap();
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        assert_eq!(world.calls().len(), 2, "an applied effect is not sent again");
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_step_that_later_ones_need_is_not_skipped() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let refusal = Failure::business("role_not_mapped", "role 117 is not mapped");
        world.will(Next::Refuse(refusal));
        let process = Process::named("walk")
            .step("one", one)
            .step("asks", asks)
            .needed()
            .step("two", two);
        let engine = engine(&db, &world, process).await;
        let id = start(&engine, "walk", "deal-1", &Walk::default()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Parked);
        let parked = exception(&engine, id).await;
        let skip = Resolution::skip(Some("not wanted"));
        let refused = engine.resolve_exception(parked.id, skip.clone(), "anna").await;
        assert_eq!(refused.unwrap_err().code, "step_needed");
        let refused = engine.resolve_group(parked.cause.clone(), skip, "anna").await;
        assert_eq!(refused.unwrap_err().code, "step_needed");
        assert_eq!(exception(&engine, id).await.state, ExceptionState::Open);
        let retried = resolve(&engine, id, decide(ResolutionAction::Retry)).await;
        assert_eq!(retried.state, InstanceState::Done);
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_signal_is_taken_once_whether_it_comes_early_or_late() {
    async fn approved(_: &Ctx, state: &mut Walk, by: String) -> Result<()> {
        state.seen.push(by);
        Ok(())
    }
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let process = Process::named("approval")
            .step("one", two)
            .wait("approval", approved)
            .step("two", two);
        let engine = engine(&db, &world, process).await;
        let late = start(&engine, "approval", "late", &Walk::default()).await;
        assert_eq!(rest(&engine, late).await.state, InstanceState::Waiting);
        engine
            .signal(("approval", "late"), "approval", &"anna")
            .await
            .unwrap();
        while rest(&engine, late).await.state != InstanceState::Done {
            tokio::task::yield_now().await;
        }
        // Many instances that are about to wait while their signals come: none is missed.
        let all = join_all((0..50).map(|n| {
            let engine = engine.clone();
            async move {
                let key = format!("early {n}");
                let id = start(&engine, "approval", &key, &Walk::default()).await;
                engine.signal(id, "approval", &key).await.unwrap();
                while rest(&engine, id).await.state != InstanceState::Done {
                    tokio::task::yield_now().await;
                }
            }
        }));
        tokio::time::timeout(WITHIN, all).await.unwrap();
        let refused = engine.signal(CanonicalId::generate(), "approval", &"x").await;
        assert_eq!(refused.unwrap_err().code, "not_found");
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_step_that_waits_for_a_time_runs_again_then_with_the_same_ids() {
    async fn later(ctx: &Ctx, state: &mut Walk) -> Result<()> {
        let world = ctx.services();
        put(ctx, &format!("{} {}", ctx.id("x"), ctx.now().timestamp_millis())).await?;
        if Utc::now() < ctx.started_at() + TimeDelta::milliseconds(1_500) {
            return Err(ctx.wait_until(ctx.started_at() + TimeDelta::milliseconds(1_500)));
        }
        state.seen.extend(world.calls());
        Ok(())
    }
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let engine = engine(&db, &world, Process::named("timer").step("later", later)).await;
        let id = start(&engine, "timer", "t", &Walk::default()).await;
        let waiting = rest(&engine, id).await;
        assert_eq!(waiting.state, InstanceState::Waiting);
        assert!(waiting.due_at.is_some() && waiting.attempt == 0);
        while rest(&engine, id).await.state != InstanceState::Done {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.calls().len(), 1, "the second run asked for another effect");
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_renamed_step_fails_loudly_and_a_new_version_stands_beside_the_old() {
    async fn refused(ctx: &Ctx, _: &mut Walk) -> Result<()> {
        let refused = Failure::business("refused", "by the test");
        if ctx.answer::<bool>().is_some() {
            Ok(())
        } else {
            Err(refused)
        }
    }
    let old = || {
        Process::<Walk, World>::named("walk")
            .step("first", refused)
            .step("two", two)
    };
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let first = engine(&db, &world, old()).await;
        let id = start(&first, "walk", "a", &Walk::default()).await;
        assert_eq!(rest(&first, id).await.state, InstanceState::Parked);
        first.stop().await;

        let renamed = engine(
            &db,
            &world,
            Process::named("walk").step("1st", refused).step("two", two),
        )
        .await;
        resolve(&renamed, id, decide(ResolutionAction::Retry)).await;
        assert_eq!(exception(&renamed, id).await.failure.code, "journal_mismatch");
        renamed.stop().await;

        let new = Process::named("walk")
            .version(2)
            .step("1st", two)
            .step("two", two);
        let builder = Engine::builder(db.clone(), Arc::clone(&world), settings())
            .process(old())
            .process(new);
        let both = builder.start().await.unwrap();
        let newer = start(&both, "walk", "b", &Walk::default()).await;
        assert_eq!(
            (rest(&both, newer).await.state, rest(&both, newer).await.version),
            (InstanceState::Done, 2)
        );
        let mut answer = decide(ResolutionAction::Answer);
        answer.answer = Some(json!(true));
        let ended = resolve(&both, id, answer).await;
        assert_eq!((ended.state, ended.version), (InstanceState::Done, 1));
        both.stop().await;
    }
}

#[tokio::test]
async fn what_a_step_leaves_commits_with_it_or_not_at_all() {
    async fn leaves(ctx: &Ctx, _: &mut Walk) -> Result<()> {
        ctx.emit_event("walk.taken", ctx.business_key(), json!({}));
        let key = ctx.business_key().to_owned();
        ctx.on_commit(move |tx| {
            Box::pin(async move {
                let sql = "INSERT INTO inbox (source, message_id, received_ms) VALUES ('walk', $1, 0)";
                tx.execute(sql, args![key]).await.map(|_| ())
            })
        });
        let first_try = ctx.services().calls().is_empty();
        put(ctx, "x").await?;
        if first_try {
            Err(Failure::transient("later", "by the test"))
        } else {
            Ok(())
        }
    }
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let engine = engine(&db, &world, Process::named("walk").step("leaves", leaves)).await;
        let id = start(&engine, "walk", "a", &Walk::default()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        let told = events(&engine).await;
        assert_eq!(told.iter().filter(|event| event.kind == "walk.taken").count(), 1);
        engine.stop().await;
    }
}
