//! The functions that a process is made of. Plain `async fn` items implement these traits; nobody writes an `impl`.

use std::future::Future;

use canonical_model::{Resolution, Result};
use futures_util::future::BoxFuture;

use crate::{GroupContext, ItemContext, StepContext};

/// A step or an undo: `async fn(&StepContext<Services>, &mut State) -> Result<()>`.
pub trait StepFn<'a, St: 'a, Sv: 'a>: Send + Sync + 'static {
    /// What it returns.
    type Run: Future<Output = Result<()>> + Send + 'a;
    /// Calls it.
    fn call(&self, ctx: &'a StepContext<Sv>, state: &'a mut St) -> Self::Run;
}

impl<'a, St: 'a, Sv: 'a, F, R> StepFn<'a, St, Sv> for F
where
    F: Fn(&'a StepContext<Sv>, &'a mut St) -> R + Send + Sync + 'static,
    R: Future<Output = Result<()>> + Send + 'a,
{
    type Run = R;

    fn call(&self, ctx: &'a StepContext<Sv>, state: &'a mut St) -> R {
        self(ctx, state)
    }
}

/// What a signal does: `async fn(&StepContext<Services>, &mut State, Payload) -> Result<()>`.
pub trait SignalFn<'a, St: 'a, Sv: 'a, P>: Send + Sync + 'static {
    /// What it returns.
    type Run: Future<Output = Result<()>> + Send + 'a;
    /// Calls it.
    fn call(&self, ctx: &'a StepContext<Sv>, state: &'a mut St, payload: P) -> Self::Run;
}

impl<'a, St: 'a, Sv: 'a, P, F, R> SignalFn<'a, St, Sv, P> for F
where
    F: Fn(&'a StepContext<Sv>, &'a mut St, P) -> R + Send + Sync + 'static,
    R: Future<Output = Result<()>> + Send + 'a,
{
    type Run = R;

    fn call(&self, ctx: &'a StepContext<Sv>, state: &'a mut St, payload: P) -> R {
        self(ctx, state, payload)
    }
}

/// What a person's decision about one item does: `async fn(&ItemContext<Services>, &str, &Resolution) -> Result<()>`.
pub trait ItemFn<'a, Sv: 'a>: Send + Sync + 'static {
    /// What it returns.
    type Run: Future<Output = Result<()>> + Send + 'a;
    /// Calls it.
    fn call(&self, ctx: &'a ItemContext<Sv>, item_key: &'a str, resolution: &'a Resolution) -> Self::Run;
}

impl<'a, Sv: 'a, F, R> ItemFn<'a, Sv> for F
where
    F: Fn(&'a ItemContext<Sv>, &'a str, &'a Resolution) -> R + Send + Sync + 'static,
    R: Future<Output = Result<()>> + Send + 'a,
{
    type Run = R;

    fn call(&self, ctx: &'a ItemContext<Sv>, item_key: &'a str, resolution: &'a Resolution) -> R {
        self(ctx, item_key, resolution)
    }
}

/// What a person's decision about a page of items of one cause does: `async fn(&GroupContext<Services>, &[String],
/// &Resolution) -> Result<()>`.
pub trait GroupFn<'a, Sv: 'a>: Send + Sync + 'static {
    /// What it returns.
    type Run: Future<Output = Result<()>> + Send + 'a;
    /// Calls it.
    fn call(
        &self,
        ctx: &'a GroupContext<Sv>,
        item_keys: &'a [String],
        resolution: &'a Resolution,
    ) -> Self::Run;
}

impl<'a, Sv: 'a, F, R> GroupFn<'a, Sv> for F
where
    F: Fn(&'a GroupContext<Sv>, &'a [String], &'a Resolution) -> R + Send + Sync + 'static,
    R: Future<Output = Result<()>> + Send + 'a,
{
    type Run = R;

    fn call(&self, ctx: &'a GroupContext<Sv>, item_keys: &'a [String], resolution: &'a Resolution) -> R {
        self(ctx, item_keys, resolution)
    }
}

pub(crate) type Run<St, Sv> =
    Box<dyn for<'a> Fn(&'a StepContext<Sv>, &'a mut St) -> BoxFuture<'a, Result<()>> + Send + Sync>;

pub(crate) type OnSignal<St, Sv> = Box<
    dyn for<'a> Fn(&'a StepContext<Sv>, &'a mut St, serde_json::Value) -> BoxFuture<'a, Result<()>>
        + Send
        + Sync,
>;

pub(crate) type OnItem<Sv> = Box<
    dyn for<'a> Fn(&'a ItemContext<Sv>, &'a str, &'a Resolution) -> BoxFuture<'a, Result<()>> + Send + Sync,
>;

pub(crate) type OnGroup<Sv> = Box<
    dyn for<'a> Fn(&'a GroupContext<Sv>, &'a [String], &'a Resolution) -> BoxFuture<'a, Result<()>>
        + Send
        + Sync,
>;
