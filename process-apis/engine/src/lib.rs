//! The process engine: declared steps over one typed state, journalled, with effects that happen once.
//!
//! - [`Process`] declares the steps, their undo, and who owns which exception.
//! - [`StepContext`] is what a step works with: effects, events, exceptions of single items, the same ids and times on
//!   each try.
//! - [`Engine`] runs instances: leases with fencing, retries, timers, signals, parking, compensation.
//! - [`Desk`] is what people see and decide: instances, exceptions, groups, resolutions.
//!
//! Only the engine retries. It never does HTTP and knows neither a vendor nor a business noun.

mod context;
mod core;
mod desk;
mod dispatch;
mod effect;
mod effect_journal;
mod engine;
mod exceptions;
mod fault;
mod handler;
mod item;
mod outline;
mod pauses;
mod pending;
mod process;
mod resolve;
mod run;
mod schema;
mod settings;
mod start;
#[cfg(feature = "testing")]
pub mod testing;
mod transition;
mod view;
mod work;

pub use circuits::Circuits;
pub use context::StepContext;
pub use desk::Desk;
pub use effect::{EffectCall, EffectsCall};
pub use engine::{Engine, EngineBuilder};
pub use fault::{Fault, FaultPlan, Point};
pub use handler::{GroupFn, ItemFn, SignalFn, StepFn};
pub use item::{GroupContext, ItemContext};
pub use pauses::PausedConnection;
pub use pending::ItemException;
pub use process::{AtRisk, OwnerRule, Process, State};
pub use schema::{ENGINE_MIGRATION, GROUPS_MIGRATION, MIGRATIONS, PAUSES_MIGRATION};
pub use settings::{EngineSettings, RetrySettings};
pub use start::{InstanceRef, Start, Started};
pub use view::{
    EffectState, EffectView, ExceptionFilter, InstanceDetail, InstanceFilter, InstanceState, InstanceSummary,
    StepState, StepView,
};
