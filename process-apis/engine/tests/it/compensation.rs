//! Taking back what was done.

use std::sync::Arc;

use canonical_model::{ExceptionState, Failure, ResolutionAction, Result};
use process_engine::{InstanceState, Process, State, StepContext, StepState};
use serde::{Deserialize, Serialize};

use crate::world::{Next, World, put};
use crate::{databases, decide, engine, exception, resolve, rest, start};

type Ctx = StepContext<World>;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Trip {
    flight: Option<String>,
    hotel: Option<String>,
}

impl State for Trip {
    fn title(&self) -> String {
        "A trip".to_owned()
    }
}

async fn book_flight(ctx: &Ctx, state: &mut Trip) -> Result<()> {
    state.flight = Some(put(ctx, "flight").await?.id);
    Ok(())
}

async fn cancel_flight(ctx: &Ctx, state: &mut Trip) -> Result<()> {
    put(ctx, "flight cancelled").await?;
    state.flight = None;
    Ok(())
}

async fn look_up(_: &Ctx, _: &mut Trip) -> Result<()> {
    Ok(())
}

async fn book_hotel(ctx: &Ctx, state: &mut Trip) -> Result<()> {
    state.hotel = Some(put(ctx, "hotel").await?.id);
    Ok(())
}

async fn cancel_hotel(ctx: &Ctx, state: &mut Trip) -> Result<()> {
    put(ctx, "hotel cancelled").await?;
    state.hotel = None;
    Ok(())
}

async fn pay(ctx: &Ctx, _: &mut Trip) -> Result<()> {
    put(ctx, "payment").await.map(|_| ())
}

fn definition() -> Process<Trip, World> {
    Process::named("trip")
        .step("book_flight", book_flight)
        .undo(cancel_flight)
        .step("look_up", look_up)
        .step("book_hotel", book_hotel)
        .undo(cancel_hotel)
        .step("pay", pay)
}

fn refused() -> Next {
    Next::Refuse(Failure::business("card_refused", "the card was refused"))
}

#[tokio::test]
async fn what_was_done_is_taken_back_last_first_and_an_undo_can_stop_too() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        let engine = engine(&db, &world, definition()).await;
        // The flight and the hotel go through, the payment is refused, and so is the first try to cancel the hotel.
        for next in ["flight", "hotel"] {
            world.will(Next::LoseAfter);
            assert!(!next.is_empty());
        }
        world.will(refused());
        world.will(refused());
        let id = start(&engine, "trip", "t", &Trip::default()).await;
        assert_eq!(rest(&engine, id).await.state, InstanceState::Parked);
        assert_eq!(
            engine.instance(id).await.unwrap().undo,
            ["book_hotel", "book_flight"]
        );
        let first = exception(&engine, id).await;

        let stopped = resolve(&engine, id, decide(ResolutionAction::Compensate)).await;
        assert_eq!(
            (stopped.state, stopped.undoing, stopped.step.as_str()),
            (InstanceState::Parked, true, "book_hotel")
        );
        let again = exception(&engine, id).await;
        assert_eq!((again.id, again.state), (first.id, ExceptionState::Open));

        let ended = resolve(&engine, id, decide(ResolutionAction::Retry)).await;
        assert_eq!(ended.state, InstanceState::Compensated);
        assert_eq!(
            world.contents(),
            ["flight", "flight cancelled", "hotel", "hotel cancelled"]
        );
        assert_eq!(exception(&engine, id).await.state, ExceptionState::Resolved);
        let states: Vec<_> = engine
            .instance(id)
            .await
            .unwrap()
            .steps
            .iter()
            .map(|step| step.state)
            .collect();
        let expected = [
            StepState::Undone,
            StepState::Done,
            StepState::Undone,
            StepState::Pending,
        ];
        assert_eq!(states, expected);
        let refused = engine.replay(id, "book_flight", "anna", "after all").await;
        assert_eq!(refused.unwrap_err().code, "not_replayable");
        engine.stop().await;
    }
}

#[tokio::test]
async fn with_nothing_to_take_back_an_instance_just_ends() {
    for (_, db) in databases().await {
        let world = Arc::new(World::default());
        world.will(refused());
        let engine = engine(&db, &world, definition()).await;
        let id = start(&engine, "trip", "t", &Trip::default()).await;
        let ended = resolve(&engine, id, decide(ResolutionAction::Compensate)).await;
        assert_eq!(ended.state, InstanceState::Compensated);
        assert_eq!(exception(&engine, id).await.state, ExceptionState::Resolved);
        engine.stop().await;
    }
}
