//! Reconciliation: what the PSA approved against our journal against what stands in the ERP.
//!
//! A comparison reads the three sides page by page into tables of its own, compares them source by source, and looks at
//! each difference once more before it tells it: what moved while it was reading is no difference. Each difference that
//! stays is one exception on the desk. Where none stays there is a certificate. A worker keeps its place with what it
//! read, so that a comparison goes on where it was, whatever ended the worker.

pub mod compare;
mod differences;
mod gap;
mod settings;
mod sides;
pub(crate) mod store;
mod worker;

use std::sync::Arc;

use canonical_model::{
    CanonicalId, Reconciliation, ReconciliationRequest, ReconciliationScope, ReconciliationTrigger, Result,
};
use persistence::Tx;
use serde_json::json;
use tokio::sync::Notify;

use crate::audit::{self, Entry};
use crate::golden::Asker;

pub(crate) use differences::{assign, decide, decide_all};
pub(crate) use gap::take_gap;
pub use settings::ReconciliationSettings;
pub(crate) use sides::Sides;
pub use store::MIGRATION;
pub(crate) use worker::{Worker, run_workers};

/// Whose exceptions these are on the desk, beside those of the process APIs.
pub(crate) const OURS: &str = "control";

/// What wakes the workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wake {
    /// A comparison waits.
    pub(crate) runs: Arc<Notify>,
    /// A difference is to be looked at again.
    pub(crate) differences: Arc<Notify>,
}

/// Puts a comparison that somebody asked for in the queue.
pub(crate) async fn request(
    tx: &mut Tx,
    asked: &ReconciliationRequest,
    asker: &Asker,
) -> Result<Reconciliation> {
    let scope = ReconciliationScope {
        period: asked.period.clone(),
        from: asked.from,
        to: asked.to,
        legal_entity: asked.legal_entity.clone(),
        region: asked.region.clone(),
        project_code: asked.project_code.clone(),
    };
    let run = store::NewRun {
        id: CanonicalId::generate(),
        trigger: ReconciliationTrigger::Request,
        requested_by: asker.actor.clone(),
        scope,
        correlation_id: asker.correlation_id.clone(),
        gap_exception: None,
    };
    begin(tx, &run, asker.now_ms).await?;
    store::read(tx, run.id).await
}

/// Queues a comparison and says so in the audit log.
async fn begin(tx: &mut Tx, run: &store::NewRun, now_ms: i64) -> Result<()> {
    store::queue(tx, run, now_ms).await?;
    let entry = Entry {
        actor: run.requested_by.clone(),
        action: "reconciliation.requested".to_owned(),
        subject: subject(run.id),
        detail: json!({"scope": run.scope, "trigger": run.trigger}),
        correlation_id: run.correlation_id.clone(),
    };
    audit::append(tx, &[entry], now_ms).await
}

/// What the audit log calls a comparison.
fn subject(run: CanonicalId) -> String {
    format!("reconciliation {run}")
}
