//! One effect for one key, whatever becomes of the answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use canonical_model::{EffectKey, Failure, ResolutionAction, Result};
use process_engine::{EffectState, InstanceState, Process, State, StepContext};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::world::{Next, World, put, put_eventually};
use crate::{databases, decide, engine, events, exception, resolve, rest, start};

#[derive(Clone, Serialize, Deserialize)]
struct Note {
    eventual: bool,
    bulk: usize,
    refused: Vec<String>,
    content: Option<String>,
}

impl State for Note {
    fn title(&self) -> String {
        "A note".to_owned()
    }
}

fn note() -> Note {
    Note {
        eventual: false,
        bulk: 0,
        refused: Vec::new(),
        content: None,
    }
}

fn definition() -> Process<Note, World> {
    Process::named("note").abbreviation("nt").step("write", write)
}

async fn write(ctx: &StepContext<World>, state: &mut Note) -> Result<()> {
    if state.bulk > 0 {
        return write_all(ctx, state).await;
    }
    let written = if state.eventual {
        put_eventually(ctx, "note").await
    } else {
        put(ctx, "note").await
    };
    state.content = Some(written?.id);
    Ok(())
}

async fn write_all(ctx: &StepContext<World>, state: &mut Note) -> Result<()> {
    let items = (0..state.bulk).map(|n| (format!("note {n}"), json!(n))).collect();
    let world = ctx.services();
    let send = |keys: Vec<(usize, EffectKey)>| async move {
        world
            .write_all(
                keys.into_iter()
                    .map(|(n, key)| (key, format!("note {n}")))
                    .collect(),
            )
            .await
    };
    let find = |key: EffectKey| async move { world.find(&key).await };
    let results = ctx.effects("erp/main note", items, send, find).await?;
    state.refused = results
        .into_iter()
        .filter_map(Result::err)
        .map(|failure| failure.code)
        .collect();
    Ok(())
}

#[tokio::test]
async fn an_answer_lost_after_the_write_is_adopted() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(Next::LoseAfter);
        let engine = engine(&db, &world, definition()).await;
        let id = start(&engine, "note", "n-1", &note()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        assert_eq!(world.calls().len(), 1);
        let effect = engine.instance(id).await.unwrap().effects.pop().unwrap();
        assert_eq!((effect.state, effect.sends), (EffectState::Applied, 1));
        assert!(effect.key.as_str().starts_with("nt-note-"), "{}", effect.key);
        let told = events(&engine).await;
        assert_eq!(
            told.iter().filter(|event| event.kind == "effect.applied").count(),
            1
        );
        engine.stop().await;
    }
}

#[tokio::test]
async fn an_answer_lost_before_the_write_is_sent_again_under_the_same_key() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(Next::LoseBefore);
        let engine = engine(&db, &world, definition()).await;
        let id = start(&engine, "note", "n-1", &note()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        assert_eq!((world.calls().len(), world.contents().len()), (2, 1));
        engine.stop().await;
    }
}

#[tokio::test]
async fn where_a_look_up_proves_nothing_a_person_decides() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(Next::LoseAfter);
        world.blind.store(true, Ordering::SeqCst);
        let engine = engine(&db, &world, definition()).await;
        let id = start(
            &engine,
            "note",
            "n-1",
            &Note {
                eventual: true,
                ..note()
            },
        )
        .await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Parked);
        let parked = exception(&engine, id).await;
        assert_eq!(parked.failure.code, "outcome_unknown");
        // Trying again looks again, and does not send.
        assert_eq!(
            resolve(&engine, id, decide(ResolutionAction::Retry)).await.state,
            InstanceState::Parked
        );
        assert_eq!(world.calls().len(), 1);
        // The person found that it had not been written.
        let key = engine.instance(id).await.unwrap().effects[0].key.clone();
        world.remove(key.as_str());
        let mut answer = decide(ResolutionAction::Answer);
        answer.answer = Some(json!({ "effects": { key.as_str(): null } }));
        assert_eq!(resolve(&engine, id, answer).await.state, InstanceState::Done);
        assert_eq!((world.calls().len(), world.contents().len()), (2, 1));
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_refused_effect_may_be_sent_again_after_a_person_mended_it() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(Next::Refuse(Failure::business(
            "period_closed",
            "the period is closed",
        )));
        let engine = engine(&db, &world, definition()).await;
        let id = start(&engine, "note", "n-1", &note()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Parked);
        let effect = engine.instance(id).await.unwrap().effects.pop().unwrap();
        assert_eq!(effect.state, EffectState::Refused);
        assert_eq!(
            resolve(&engine, id, decide(ResolutionAction::Retry)).await.state,
            InstanceState::Done
        );
        assert_eq!(world.calls().len(), 2);
        engine.stop().await;
    }
}

#[tokio::test]
async fn a_thousand_effects_keep_their_own_outcomes() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(Next::Refuse(Failure::business(
            "period_closed",
            "the period is closed",
        )));
        world.will(Next::LoseAfter);
        world.will(Next::LoseBefore);
        world.will(Next::Refuse(Failure::transient(
            "record_locked",
            "somebody has it",
        )));
        let engine = engine(&db, &world, definition()).await;
        let before = db.statistics();
        let id = start(&engine, "note", "n-1", &Note { bulk: 1000, ..note() }).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Done);
        let commits = db.statistics().commits - before.commits;
        assert!(commits < 30, "a thousand effects took {commits} commits");
        // Refused at first and locked at first: both went through on the next try, which sent nothing else.
        assert_eq!((world.contents().len(), world.calls().len()), (1000, 1003));
        engine.stop().await;
    }
}

#[tokio::test]
async fn another_request_under_the_same_key_is_a_fault() {
    async fn changing(ctx: &StepContext<World>, _: &mut Note) -> Result<()> {
        let world = ctx.services();
        let content = world.calls().len();
        let send = |key: EffectKey| async move { world.write(&key, "x").await };
        let find = |key: EffectKey| async move { world.find(&key).await };
        ctx.effect("erp/main note", "note", &content, send, find).await?;
        Err(Failure::transient("later", "by the test"))
    }
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let engine = engine(&db, &world, Process::named("note").step("write", changing)).await;
        let id = start(&engine, "note", "n-1", &note()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Parked);
        assert_eq!(exception(&engine, id).await.failure.code, "effect_changed");
        assert_eq!(world.calls().len(), 1);
        engine.stop().await;
    }
}
