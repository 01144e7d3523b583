//! Changes in the PSA that cannot simply be taken in.
//!
//! Two of them start an instance: a source that changed after it was posted, and a change that nobody can read, such as
//! an amount in a currency that does not exist. Both wait for a person. A retry looks again: where the PSA says what was
//! posted, or can be read by now, the instance ends by itself. Skipped with a reason, a changed line stays as it was
//! posted. What is in the books is never changed from here: it is corrected by a reversal, which a person books.

use canonical_model::{
    CanonicalId, Change, Expense, Failure, Milestone, Money, Resource, Result, SourceKind, Sourced, TimeEntry,
};
use chrono::{DateTime, Utc};
use process_engine::{AtRisk, OwnerRule, Process, State};
use serde::{Deserialize, Serialize};

use crate::Ctx;
use crate::billing;
use crate::intake::Source;
use crate::line::PostingLine;
use crate::news::{Arrival, News};
use crate::services::Services;
use crate::store::{self, desk::Changed, desk::Unreadable};

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
    /// The line, where the source was posted.
    #[serde(default)]
    pub posted: Option<Posted>,
    /// What clients pay for it.
    #[serde(default)]
    pub charge: Option<Money>,
}

/// See [`Correction::posted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// The line.
    pub line: CanonicalId,
    /// Its record in the ERP.
    pub erp_id: String,
    /// The invoice that charges for it.
    pub invoice: Option<String>,
    /// Canonical code of its legal entity.
    pub legal_entity: Option<String>,
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
        .step("accept", accept)
        .owner("changed_after_posting", accountant)
        .owner("unknown_currency", accountant)
}

impl State for Correction {
    fn title(&self) -> String {
        let what = word(self.kind);
        match &self.posted {
            Some(_) => format!(
                "{what} {} of {}, changed after posting",
                self.source_id, self.connection
            ),
            None => format!("{what} {} of {}, not readable", self.source_id, self.connection),
        }
    }

    fn at_risk(&self) -> AtRisk {
        AtRisk {
            money: self.charge,
            legal_entity: self
                .posted
                .as_ref()
                .and_then(|posted| posted.legal_entity.clone()),
            region: None,
        }
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
    /// The case of a line that changed after posting, and what makes it single: the same change, told again, is the
    /// same case.
    #[must_use]
    pub fn of_line(changed: &Changed) -> (String, Self) {
        let line = &changed.line;
        let what = match &changed.news {
            News::Approved(work) => work.digest().chars().take(16).collect(),
            News::NotApproved => "not approved".to_owned(),
            News::Deleted => "deleted".to_owned(),
            News::Unreadable(failure) => failure.code.clone(),
        };
        let key = format!("{} {what}", line.business_key());
        let case = Self {
            connection: line.connection.clone(),
            kind: line.work.kind(),
            source_id: line.source_id.clone(),
            charge: line.work.charge(),
            posted: Some(posted(line)),
        };
        (key, case)
    }

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
            posted: None,
            charge: None,
        };
        (key, case)
    }
}

fn posted(line: &PostingLine) -> Posted {
    Posted {
        line: line.id,
        erp_id: line.erp_id.clone().unwrap_or_default(),
        invoice: line.invoice_id.clone(),
        legal_entity: line.legal_entity.clone(),
    }
}

async fn look_again(ctx: &Ctx, case: &mut Correction) -> Result<()> {
    match &case.posted {
        Some(posted) => look_at_line(ctx, case, posted).await,
        None => look_at_source(ctx, case).await,
    }
}

async fn look_at_line(ctx: &Ctx, case: &Correction, posted: &Posted) -> Result<()> {
    let line = posted.line;
    let news = ctx
        .read(move |tx| Box::pin(async move { store::desk::news_of(tx, line).await }))
        .await?;
    let how = match news {
        None => return Ok(()),
        Some(News::Approved(_)) => "was changed",
        Some(News::NotApproved) => "lost its approval",
        Some(News::Deleted) => "was deleted",
        Some(News::Unreadable(_)) => "cannot be read any more",
    };
    let charged = match &posted.invoice {
        Some(invoice) => format!(" and charged on invoice {invoice}"),
        None => String::new(),
    };
    let message = format!(
        "{} {} of {} {how} in the PSA after it was posted as {}{charged}: bring the PSA back to what was posted and \
         retry, or book the correction in the ERP and skip this with the reason",
        word(case.kind),
        case.source_id,
        case.connection,
        posted.erp_id
    );
    Err(ctx.about(
        case.connection.clone(),
        Failure::business("changed_after_posting", message),
    ))
}

async fn look_at_source(ctx: &Ctx, case: &Correction) -> Result<()> {
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

/// The posted line stands, whatever the PSA says: it was put right, or a person decided so.
async fn accept(ctx: &Ctx, case: &mut Correction) -> Result<()> {
    if let Some(posted) = &case.posted {
        let line = posted.line;
        ctx.on_commit(move |tx| Box::pin(async move { store::desk::accept_news(tx, &[line]).await }));
    }
    Ok(())
}
