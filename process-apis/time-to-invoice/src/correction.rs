//! Changes in the PSA that nobody can read, such as an amount in a currency that does not exist.
//!
//! They wait for a person. A retry looks again: what can be read by now is taken in like any other change.

use canonical_model::{
    Change, Expense, Failure, Milestone, Resource, Result, SourceKind, Sourced, TimeEntry,
};
use chrono::{DateTime, Utc};
use process_engine::{AtRisk, OwnerRule, Process, State};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::billing;
use crate::intake::Source;
use crate::news::{Arrival, News};
use crate::services::Services;
use crate::store::{self, desk::Unreadable};

/// Name of the process.
pub const NAME: &str = "work-correction";

/// A change that waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// The connection, such as `psa/main`.
    pub connection: String,
    /// What the source is.
    pub kind: SourceKind,
    /// Its id there.
    pub source_id: String,
}

/// The steps, in their order.
#[must_use]
pub fn definition() -> Process<Correction, Services> {
    let accountant = OwnerRule {
        role: "project_accountant",
        sla_hours: 24,
    };
    Process::named(NAME)
        .version(1)
        .step("look_again", look_again)
        .owner("unknown_currency", accountant)
}

impl State for Correction {
    fn title(&self) -> String {
        let what = word(self.kind);
        format!("{what} {} of {}, not readable", self.source_id, self.connection)
    }

    fn at_risk(&self) -> AtRisk {
        AtRisk::default()
    }
}

fn word(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Expense => "expense",
        SourceKind::Milestone => "milestone",
        _ => "time entry",
    }
}

impl Correction {
    /// The case of a change that nobody can read.
    #[must_use]
    pub fn of_unreadable(change: &Unreadable) -> (String, Self) {
        let (kind, at) = (
            store::kind_word(change.kind),
            change.changed_at.timestamp_millis(),
        );
        let key = format!(
            "{kind} {} {} unreadable {at}",
            change.connection, change.source_id
        );
        let case = Self {
            connection: change.connection.clone(),
            kind: change.kind,
            source_id: change.source_id.clone(),
        };
        (key, case)
    }
}

async fn look_again(ctx: &Ctx, case: &mut Correction) -> Result<()> {
    match case.kind {
        SourceKind::Expense => read_again::<Expense>(ctx, case).await,
        SourceKind::Milestone => read_milestone_again(ctx, case).await,
        _ => read_again::<TimeEntry>(ctx, case).await,
    }
}

/// Reads the source once more. What can be read is taken in like any other change.
async fn read_again<T: Source>(ctx: &Ctx, case: &Correction) -> Result<()> {
    let Some(stored) = why_unreadable(ctx, case).await? else {
        return Ok(());
    };
    let news = match read::<T>(ctx, case, stored).await? {
        Some(record) => T::news(&record),
        None => News::Deleted,
    };
    take_in(ctx, case, news, ctx.now());
    Ok(())
}

async fn read_milestone_again(ctx: &Ctx, case: &Correction) -> Result<()> {
    let Some(stored) = why_unreadable(ctx, case).await? else {
        return Ok(());
    };
    let record = read::<Milestone>(ctx, case, stored).await?;
    let (engine, connection, now) = (
        ctx.services().engine()?.clone(),
        case.connection.clone(),
        ctx.now(),
    );
    let change = Change {
        id: case.source_id.clone(),
        changed_at: now,
        record,
        failure: None,
    };
    ctx.on_commit(move |tx| {
        Box::pin(async move {
            store::intake::is_readable(tx, &connection, SourceKind::Milestone, &change.id).await?;
            billing::start::milestone_changed(&engine, tx, &connection, change, now).await
        })
    });
    Ok(())
}

async fn why_unreadable(ctx: &Ctx, case: &Correction) -> Result<Option<Failure>> {
    let (connection, kind, source_id) = (case.connection.clone(), case.kind, case.source_id.clone());
    ctx.read(move |tx| {
        Box::pin(async move { store::desk::unreadable(tx, &connection, kind, &source_id).await })
    })
    .await
}

/// The record, where it is there. `stored` is why it could not be read the last time.
async fn read<T: Resource>(ctx: &Ctx, case: &Correction, stored: Failure) -> Result<Option<Sourced<T>>> {
    let remote = ctx.services().systems.collection::<T>(&case.connection)?;
    match remote.read(&case.source_id).await {
        Ok(record) => Ok(Some(record)),
        Err(failure) if failure.code == "not_found" => Ok(None),
        Err(failure) if failure.is_transient() => Err(failure),
        Err(failure) if failure.code == "capability_absent" => {
            Err(ctx.about(case.connection.clone(), stored))
        }
        Err(failure) => Err(ctx.about(case.connection.clone(), failure)),
    }
}

fn take_in(ctx: &Ctx, case: &Correction, news: News, now: DateTime<Utc>) {
    let (connection, kind) = (case.connection.clone(), case.kind);
    let arrival = Arrival {
        source_id: case.source_id.clone(),
        changed_at: now,
        news,
    };
    let wake = ctx.services().waiting.clone();
    ctx.on_commit(move |tx| {
        Box::pin(async move {
            tx.after_commit(move || wake.notify_one());
            store::intake::take_in(tx, &connection, kind, vec![arrival], now)
                .await
                .map(|_| ())
        })
    });
}
