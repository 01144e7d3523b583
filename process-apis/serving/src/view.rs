//! From the engine's words to the contract's.

use canonical_model as contract;
use canonical_model::{InstanceEffectView, InstanceStepView, InstanceView};
use process_engine::{
    EffectView, InstanceDetail, InstanceFilter, InstanceState, InstanceSummary, StepState, StepView,
};

/// An instance in a listing.
pub(crate) fn summary(instance: InstanceSummary) -> InstanceView {
    let state = state(&instance);
    let stopped = matches!(state, contract::InstanceState::Parked);
    InstanceView {
        id: instance.id,
        process: instance.process,
        version: u32::try_from(instance.version).unwrap_or_default(),
        business_key: instance.business_key,
        title: instance.title,
        state,
        failure: instance.last_failure.filter(|_| stopped),
        started_at: instance.started_at,
        changed_at: instance.updated_at,
        ended_at: instance.ended_at,
        correlation_id: instance.correlation_id,
        steps: Vec::new(),
    }
}

/// An instance with its steps.
pub(crate) fn detail(instance: InstanceDetail) -> InstanceView {
    let InstanceDetail {
        summary: told,
        steps,
        effects,
        ..
    } = instance;
    let current_tries = told.attempt;
    let mut view = summary(told);
    view.steps = steps
        .into_iter()
        .map(|step| {
            let of_step = effects
                .iter()
                .filter(|effect| effect.step == step.name)
                .map(effect_view)
                .collect();
            step_view(step, current_tries, of_step)
        })
        .collect();
    view
}

fn step_view(step: StepView, current_tries: i64, effects: Vec<InstanceEffectView>) -> InstanceStepView {
    let state = match step.state {
        StepState::Pending => contract::InstanceStepState::Pending,
        StepState::Next => contract::InstanceStepState::Current,
        StepState::Done => contract::InstanceStepState::Done,
        StepState::Skipped => contract::InstanceStepState::Skipped,
        StepState::Undone => contract::InstanceStepState::Undone,
    };
    let tries = if step.state == StepState::Next {
        current_tries
    } else {
        step.tries.unwrap_or(0)
    };
    InstanceStepView {
        name: step.name,
        state,
        done_at: step.at,
        attempts: u32::try_from(tries).unwrap_or_default(),
        undoable: step.can_undo,
        effects,
    }
}

fn effect_view(effect: &EffectView) -> InstanceEffectView {
    InstanceEffectView {
        key: effect.key.clone(),
        target: effect.target.clone(),
        id: effect.written.as_ref().map(|written| written.id.clone()),
    }
}

fn state(instance: &InstanceSummary) -> contract::InstanceState {
    match instance.state {
        InstanceState::Parked => contract::InstanceState::Parked,
        InstanceState::Done => contract::InstanceState::Completed,
        InstanceState::Compensated => contract::InstanceState::Compensated,
        _ if instance.undoing => contract::InstanceState::Compensating,
        InstanceState::Waiting => contract::InstanceState::Waiting,
        InstanceState::Ready | InstanceState::Running => contract::InstanceState::Running,
    }
}

/// The engine's filter for one of the contract's states.
pub(crate) fn filter(state: contract::InstanceState) -> InstanceFilter {
    let (state, under_way) = match state {
        contract::InstanceState::Running => (None, Some(false)),
        contract::InstanceState::Compensating => (None, Some(true)),
        contract::InstanceState::Waiting => (Some(InstanceState::Waiting), None),
        contract::InstanceState::Parked => (Some(InstanceState::Parked), None),
        contract::InstanceState::Compensated => (Some(InstanceState::Compensated), None),
        contract::InstanceState::Completed => (Some(InstanceState::Done), None),
    };
    InstanceFilter {
        state,
        under_way,
        ..InstanceFilter::default()
    }
}
