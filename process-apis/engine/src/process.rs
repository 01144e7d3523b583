//! The declaration of a process.

use std::collections::BTreeMap;

use canonical_model::{EffectKey, Failure, Money, Resolution, Result};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::handler::{GroupFn, ItemFn, OnGroup, OnItem, OnSignal, Run, SignalFn, StepFn};
use crate::outline::{Outline, StepOutline};
use crate::{GroupContext, ItemContext, StepContext};

/// What a process knows, saved after each step.
pub trait State: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// What a person calls the instance, such as `Acme: ERP roll-out`.
    fn title(&self) -> String;

    /// What waits while the instance waits.
    fn at_risk(&self) -> AtRisk {
        AtRisk::default()
    }
}

/// What waits while work waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AtRisk {
    /// How much money.
    pub money: Option<Money>,
    /// Canonical code of the legal entity.
    pub legal_entity: Option<String>,
    /// The region.
    pub region: Option<String>,
}

/// Who resolves an exception, and by when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerRule {
    /// The role, such as `project_accountant`.
    pub role: &'static str,
    /// Hours from the opening of the exception until it shall be resolved.
    pub sla_hours: u32,
}

/// A process: steps in order over one state `St`, with services `Sv`.
pub struct Process<St, Sv> {
    outline: Outline,
    steps: Vec<Step<St, Sv>>,
    on_item: Option<OnItem<Sv>>,
    on_group: Option<OnGroup<Sv>>,
}

struct Step<St, Sv> {
    run: Action<St, Sv>,
    undo: Option<Run<St, Sv>>,
}

enum Action<St, Sv> {
    Do(Run<St, Sv>),
    Wait(OnSignal<St, Sv>),
}

impl<St: State, Sv: Send + Sync + 'static> Process<St, Sv> {
    /// A process by name, such as `quote-to-project`, of version 1 until said otherwise.
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        let abbreviation = name
            .split('-')
            .filter_map(|word| word.chars().next())
            .take(8)
            .collect();
        Self {
            outline: Outline {
                name,
                version: 1,
                abbreviation,
                steps: Vec::new(),
                owners: BTreeMap::new(),
                default_owner: OwnerRule {
                    role: "integration_operator",
                    sla_hours: 24,
                },
            },
            steps: Vec::new(),
            on_item: None,
            on_group: None,
        }
    }

    /// The version. Steps are renamed, moved or removed only with a new one; a running instance ends on its own.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.outline.version = version;
        self
    }

    /// With what effect keys begin, at most 8 letters and digits; the initials of the name unless given.
    #[must_use]
    pub fn abbreviation(mut self, abbreviation: &str) -> Self {
        abbreviation.clone_into(&mut self.outline.abbreviation);
        self
    }

    /// The key that [`StepContext::shared_key`](crate::StepContext::shared_key) gives to `what` in this process: for
    /// those who look at what it wrote.
    #[must_use]
    pub fn shared_key(&self, what: &str) -> EffectKey {
        crate::context::shared_key(self.outline.name, &self.outline.abbreviation, what)
    }

    /// The next step.
    #[must_use]
    pub fn step(mut self, name: &'static str, run: impl for<'a> StepFn<'a, St, Sv>) -> Self {
        let run: Run<St, Sv> = Box::new(move |ctx, state| Box::pin(run.call(ctx, state)));
        self.push(name, Action::Do(run), false);
        self
    }

    /// A step that waits for the signal of its name and then runs with what the signal says.
    #[must_use]
    pub fn wait<P, F>(mut self, name: &'static str, on_signal: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        F: for<'a> SignalFn<'a, St, Sv, P>,
    {
        let run: OnSignal<St, Sv> =
            Box::new(
                move |ctx, state, payload| match serde_json::from_value::<P>(payload) {
                    Ok(payload) => Box::pin(on_signal.call(ctx, state, payload)),
                    Err(error) => Box::pin(async move { Err(malformed(name, &error)) }),
                },
            );
        self.push(name, Action::Wait(run), true);
        self
    }

    /// How the step before is taken back. It runs as a step of its own and accepts that there is nothing to take back.
    #[must_use]
    pub fn undo(mut self, undo: impl for<'a> StepFn<'a, St, Sv>) -> Self {
        if let (Some(step), Some(outline)) = (self.steps.last_mut(), self.outline.steps.last_mut()) {
            step.undo = Some(Box::new(move |ctx, state| Box::pin(undo.call(ctx, state))));
            outline.undo = true;
        }
        self
    }

    /// Later steps need what the step before finds: a person can retry it or take the instance back, not skip it.
    #[must_use]
    pub fn needed(mut self) -> Self {
        if let Some(outline) = self.outline.steps.last_mut() {
            outline.needed = true;
        }
        self
    }

    /// How long transient failures of the step before are retried, instead of the engine's setting.
    #[must_use]
    pub fn budget_ms(mut self, budget_ms: u64) -> Self {
        if let Some(outline) = self.outline.steps.last_mut() {
            outline.budget_ms = Some(budget_ms);
        }
        self
    }

    /// What a person's decision about one raised item does.
    #[must_use]
    pub fn on_item_resolution(mut self, on_item: impl for<'a> ItemFn<'a, Sv>) -> Self {
        self.on_item = Some(Box::new(move |ctx, key, resolution| {
            Box::pin(on_item.call(ctx, key, resolution))
        }));
        self
    }

    /// What a person's decision about many raised items at once does, page by page with few statements. Where it fails the
    /// page's items are handed in one by one, so it must leave what [`Process::on_item_resolution`] leaves.
    #[must_use]
    pub fn on_group_resolution(mut self, on_group: impl for<'a> GroupFn<'a, Sv>) -> Self {
        self.on_group = Some(Box::new(move |ctx, keys, resolution| {
            Box::pin(on_group.call(ctx, keys, resolution))
        }));
        self
    }

    /// Who resolves exceptions of a code, and by when.
    #[must_use]
    pub fn owner(mut self, code: &'static str, rule: OwnerRule) -> Self {
        self.outline.owners.insert(code, rule);
        self
    }

    /// Who resolves exceptions of all other codes.
    #[must_use]
    pub fn default_owner(mut self, rule: OwnerRule) -> Self {
        self.outline.default_owner = rule;
        self
    }

    fn push(&mut self, name: &'static str, run: Action<St, Sv>, waits: bool) {
        self.outline.steps.push(StepOutline {
            name,
            waits,
            undo: false,
            needed: false,
            budget_ms: None,
        });
        self.steps.push(Step { run, undo: None });
    }
}

/// A state as the journal keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    pub(crate) state: String,
    pub(crate) title: String,
    pub(crate) at_risk: AtRisk,
}

/// A process whose state's type is forgotten.
pub(crate) trait AnyProcess<Sv>: Send + Sync {
    fn outline(&self) -> &Outline;
    /// Runs the step at `index`, with the signal's payload where it waited for one.
    fn run<'a>(
        &'a self,
        index: i64,
        ctx: &'a StepContext<Sv>,
        state: &'a str,
        payload: Option<Value>,
    ) -> BoxFuture<'a, Result<Saved>>;
    /// Takes the step at `index` back.
    fn undo<'a>(
        &'a self,
        index: i64,
        ctx: &'a StepContext<Sv>,
        state: &'a str,
    ) -> BoxFuture<'a, Result<Saved>>;
    fn on_item<'a>(
        &'a self,
        ctx: &'a ItemContext<Sv>,
        item_key: &'a str,
        resolution: &'a Resolution,
    ) -> BoxFuture<'a, Result<()>>;
    /// Hands many items over at once, where the process takes them so.
    fn on_group<'a>(
        &'a self,
        ctx: &'a GroupContext<Sv>,
        item_keys: &'a [String],
        resolution: &'a Resolution,
    ) -> Option<BoxFuture<'a, Result<()>>>;
    /// Reads a state that a caller hands in, so that a malformed one is refused at once.
    fn describe(&self, state: &str) -> Result<Saved>;
}

impl<St: State, Sv: Send + Sync + 'static> AnyProcess<Sv> for Process<St, Sv> {
    fn outline(&self) -> &Outline {
        &self.outline
    }

    fn run<'a>(
        &'a self,
        index: i64,
        ctx: &'a StepContext<Sv>,
        state: &'a str,
        payload: Option<Value>,
    ) -> BoxFuture<'a, Result<Saved>> {
        Box::pin(async move {
            let mut state: St = self.read(state)?;
            match (&self.at(index)?.run, payload) {
                (Action::Do(run), _) => run(ctx, &mut state).await?,
                (Action::Wait(run), payload) => run(ctx, &mut state, payload.unwrap_or_default()).await?,
            }
            save(&state)
        })
    }

    fn undo<'a>(
        &'a self,
        index: i64,
        ctx: &'a StepContext<Sv>,
        state: &'a str,
    ) -> BoxFuture<'a, Result<Saved>> {
        Box::pin(async move {
            let mut state: St = self.read(state)?;
            if let Some(undo) = &self.at(index)?.undo {
                undo(ctx, &mut state).await?;
            }
            save(&state)
        })
    }

    fn on_item<'a>(
        &'a self,
        ctx: &'a ItemContext<Sv>,
        item_key: &'a str,
        resolution: &'a Resolution,
    ) -> BoxFuture<'a, Result<()>> {
        match &self.on_item {
            Some(on_item) => on_item(ctx, item_key, resolution),
            None => Box::pin(async move {
                let message = format!(
                    "process {} raises items and says not what resolves them",
                    self.outline.name
                );
                Err(Failure::fault("items_not_resolvable", message))
            }),
        }
    }

    fn on_group<'a>(
        &'a self,
        ctx: &'a GroupContext<Sv>,
        item_keys: &'a [String],
        resolution: &'a Resolution,
    ) -> Option<BoxFuture<'a, Result<()>>> {
        self.on_group
            .as_ref()
            .map(|on_group| on_group(ctx, item_keys, resolution))
    }

    fn describe(&self, state: &str) -> Result<Saved> {
        save(&self.read(state)?)
    }
}

impl<St: State, Sv> Process<St, Sv> {
    fn at(&self, index: i64) -> Result<&Step<St, Sv>> {
        let step = usize::try_from(index)
            .ok()
            .and_then(|index| self.steps.get(index));
        step.ok_or_else(|| {
            Failure::fault(
                "journal_mismatch",
                format!("process {} has no step {index}", self.outline.name),
            )
        })
    }

    fn read(&self, state: &str) -> Result<St> {
        serde_json::from_str(state).map_err(|error| {
            let message = format!(
                "the saved state of a {} instance does not read",
                self.outline.name
            );
            Failure::fault("state_unreadable", message).with_detail(error.to_string())
        })
    }
}

fn save<St: State>(state: &St) -> Result<Saved> {
    let text = serde_json::to_string(state).map_err(|error| {
        Failure::fault("state_unwritable", "a process state cannot be written as JSON")
            .with_detail(error.to_string())
    })?;
    Ok(Saved {
        state: text,
        title: state.title(),
        at_risk: state.at_risk(),
    })
}

fn malformed(name: &str, error: &serde_json::Error) -> Failure {
    Failure::business(
        "malformed_signal",
        format!("the signal {name} does not say what its step needs: {error}"),
    )
}
