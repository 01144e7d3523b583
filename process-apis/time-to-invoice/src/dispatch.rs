//! What looks for work that is due: batches of waiting lines, cases for the desk, billing runs, sweeps of the PSA.
//!
//! Each look is one pass over what the database says; it takes no input and can be repeated at any time. A failure is
//! logged and met by the next look.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use canonical_model::{
    CanonicalId, ExceptionState, Expense, Failure, Resolution, ResolutionAction, Result, SourceKind,
    TimeEntry,
};
use persistence::Tx;
use process_engine::{Engine, ExceptionFilter, InstanceFilter, InstanceSummary, Start};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::billing;
use crate::billing::start::{self, Occasion};
use crate::correction::{self, Correction};
use crate::intake;
use crate::line::LineState;
use crate::news::Arrival;
use crate::posting::process::{self, Batch};
use crate::reversal;
use crate::reversal::process::Reversal;
use crate::services::Services;
use crate::settings::{Intake, Settings};
use crate::store::{self, billing::RunState, posting::Group};
use crate::sweep;

/// Groups that one look begins batches for, and cases that it tells.
const AT_ONCE: u32 = 200;

/// Looks for work until it is told to stop.
#[derive(Clone)]
pub(crate) struct Dispatcher {
    /// What it works with.
    pub(crate) services: Arc<Services>,
    /// Where it starts instances.
    pub(crate) engine: Engine<Services>,
    /// The PSA, such as `psa/main`.
    pub(crate) psa: String,
    /// How the PSA is followed.
    pub(crate) intake: Intake,
}

impl Dispatcher {
    /// Starts looking.
    pub(crate) fn start(self, settings: &Settings, tasks: &TaskTracker, stop: &CancellationToken) {
        let pauses = [
            Duration::from_millis(settings.posting.interval_ms),
            Duration::from_millis(settings.billing.interval_ms),
            // A sweep has its own clock in the database; this is how often it is looked at.
            Duration::from_secs(60),
        ];
        let [posting, billing, sweeps] = pauses;
        let gather = Duration::from_millis(settings.posting.gather_ms);
        tasks.spawn(self.clone().look_for_lines(posting, gather, stop.clone()));
        tasks.spawn(self.clone().look_for_charges(billing, stop.clone()));
        tasks.spawn(self.look_for_sweeps(sweeps, stop.clone()));
    }

    async fn look_for_lines(self, pause: Duration, gather: Duration, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if self.lines_once().await {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.services.waiting.notified() => tokio::time::sleep(gather).await,
                () = stop.cancelled() => {}
            }
        }
    }

    /// One look for lines; whether more wait.
    pub(crate) async fn lines_once(&self) -> bool {
        let more = match self.begin_batches().await {
            Ok(more) => more,
            Err(failure) => {
                tracing::warn!(code = %failure.code, %failure, "waiting lines could not be given to batches");
                false
            }
        };
        for (what, result) in [
            ("changes after posting", self.tell_changes().await),
            ("unreadable changes", self.tell_unreadable().await),
            ("overtaken exceptions", self.close_overtaken().await),
            ("settled changes", self.end_settled().await),
        ] {
            if let Err(failure) = result {
                tracing::warn!(code = %failure.code, %failure, what, "the desk could not be told");
            }
        }
        more
    }

    /// Gives waiting lines to batches, one for each group; whether more wait.
    ///
    /// # Errors
    /// Failures of the database.
    pub(crate) async fn begin_batches(&self) -> Result<bool> {
        let groups = self
            .services
            .db
            .read(|tx| Box::pin(store::posting::queued_groups(tx, AT_ONCE)))
            .await?;
        let more = groups.len() >= usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
        let mut full = false;
        for group in groups {
            full |= self.begin_batch(group).await?;
        }
        Ok(more || full)
    }

    /// Gives the oldest waiting lines of a group to a batch, in the transaction that starts it; whether it is full.
    async fn begin_batch(&self, group: Group) -> Result<bool> {
        let settings = &self.services.posting;
        let (engine, size, most) = (self.engine.clone(), settings.batch_size, settings.batches_at_once);
        let lines = self
            .services
            .db
            .write(move |tx| {
                Box::pin(async move {
                    // While an ERP is away its lines wait in the queue, not in more and more batches.
                    if store::posting::batches_under_way(tx, &group).await? >= u64::from(most) {
                        return Ok(0);
                    }
                    let key = CanonicalId::generate().to_string();
                    let lines =
                        store::posting::claim(tx, &group, &key, size, canonical_model::clock::now()).await?;
                    if lines == 0 {
                        return Ok(0);
                    }
                    let charge = store::posting::charge_of_batch(tx, &key).await?;
                    let batch = Batch::new(group, lines, charge);
                    start_in(&engine, tx, process::NAME, &key, &batch).await?;
                    Ok(lines)
                })
            })
            .await?;
        Ok(lines >= u64::from(size))
    }

    /// Starts a reversal for each line that changed after it was posted; lines that did not get into the books take their
    /// news themselves.
    async fn tell_changes(&self) -> Result<()> {
        let engine = self.engine.clone();
        self.services
            .db
            .write(move |tx| {
                Box::pin(async move {
                    for changed in store::reversal::tell_news(tx, AT_ONCE).await? {
                        if changed.line.state == LineState::Posted {
                            let ((key, case), now) = (Reversal::of(&changed), canonical_model::clock::now());
                            if store::reversal::take_in_hand(tx, changed.line.id, &key, now).await? {
                                start_in(&engine, tx, reversal::process::NAME, &key, &case).await?;
                            }
                            continue;
                        }
                        let line = changed.line;
                        store::reversal::clear_news(tx, &[line.id]).await?;
                        let arrival = Arrival {
                            source_id: line.source_id,
                            changed_at: canonical_model::clock::now(),
                            news: changed.news,
                        };
                        let kind = line.work.kind();
                        store::intake::take_in(
                            tx,
                            &line.connection,
                            kind,
                            vec![arrival],
                            canonical_model::clock::now(),
                        )
                        .await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Tries reversals once more that wait for a person although the PSA says again what was posted: they end.
    async fn end_settled(&self) -> Result<()> {
        let settled = self
            .services
            .db
            .write(|tx| Box::pin(store::reversal::tell_settled(tx, AT_ONCE)))
            .await?;
        for case in settled {
            let waits = self
                .instance(reversal::process::NAME, &case)
                .await?
                .and_then(|instance| instance.exception_id);
            if let Some(exception) = waits {
                let why = "the PSA says again what was posted";
                self.decide(exception, ResolutionAction::Retry, why).await?;
            }
        }
        Ok(())
    }

    async fn tell_unreadable(&self) -> Result<()> {
        let engine = self.engine.clone();
        self.services
            .db
            .write(move |tx| {
                Box::pin(async move {
                    for change in store::desk::tell_unreadable(tx, AT_ONCE).await? {
                        let (key, case) = Correction::of_unreadable(&change);
                        start_in(&engine, tx, correction::NAME, &key, &case).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Closes exceptions of lines that the PSA has changed or withdrawn since: nobody need decide about them any more.
    async fn close_overtaken(&self) -> Result<()> {
        let overtaken = self
            .services
            .db
            .read(|tx| Box::pin(store::desk::overtaken(tx, AT_ONCE)))
            .await?;
        let mut by_batch: BTreeMap<String, Vec<CanonicalId>> = BTreeMap::new();
        for (line, batch) in overtaken {
            by_batch.entry(batch).or_default().push(line);
        }
        for (batch, lines) in by_batch {
            let open = self.open_exceptions(&batch).await?;
            for line in lines {
                if let Some(exception) = open.get(&line.to_string()) {
                    self.close(*exception).await?;
                }
                let batch = batch.clone();
                self.services
                    .db
                    .write(move |tx| {
                        Box::pin(async move { store::desk::overtaken_is_closed(tx, line, &batch).await })
                    })
                    .await?;
            }
        }
        Ok(())
    }

    /// The open exceptions of a batch by the lines that they are about.
    async fn open_exceptions(&self, batch: &str) -> Result<BTreeMap<String, CanonicalId>> {
        let Some(instance) = self.instance(process::NAME, batch).await? else {
            return Ok(BTreeMap::new());
        };
        let mut filter = ExceptionFilter {
            instance_id: Some(instance.id),
            limit: Some(1000),
            ..ExceptionFilter::default()
        };
        let mut open = BTreeMap::new();
        loop {
            let page = self.engine.exceptions(filter.clone()).await?;
            let waits = |state| matches!(state, ExceptionState::Open | ExceptionState::Assigned);
            let found = page.items.into_iter().filter(|exception| waits(exception.state));
            open.extend(found.map(|exception| (exception.business_key, exception.id)));
            match page.next_cursor {
                Some(cursor) => filter.cursor = Some(cursor),
                None => return Ok(open),
            }
        }
    }

    async fn close(&self, exception: CanonicalId) -> Result<()> {
        let why = "the PSA has changed or withdrawn the entry since";
        self.decide(exception, ResolutionAction::Skip, why).await
    }

    async fn decide(&self, exception: CanonicalId, action: ResolutionAction, why: &str) -> Result<()> {
        let resolution = Resolution {
            action,
            reason: Some(why.to_owned()),
            answer: None,
        };
        match self
            .engine
            .resolve_exception(exception, resolution, "fairlead")
            .await
        {
            Ok(_) => Ok(()),
            // A person was quicker.
            Err(failure) if failure.code == "already_closed" || failure.code == "already_retrying" => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    async fn look_for_charges(self, pause: Duration, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.charges_once().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One look for billing runs that are due.
    pub(crate) async fn charges_once(&self) {
        let (engine, settings) = (self.engine.clone(), self.services.billing.clone());
        let begun = self.services.db.write(move |tx| {
            Box::pin(async move {
                tx.lock("billing runs").await?;
                let occasion = Occasion::by_itself(canonical_model::clock::now());
                start::what_is_due(&engine, tx, &settings, &occasion).await
            })
        });
        match begun.await {
            Ok(0) => {}
            Ok(runs) => tracing::info!(runs, "began billing runs that are due"),
            Err(failure) => {
                tracing::warn!(code = %failure.code, %failure, "billing runs could not be begun")
            }
        }
    }

    async fn look_for_sweeps(self, pause: Duration, stop: CancellationToken) {
        while !stop.is_cancelled() {
            self.sweeps_once().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// One look for what ended instances hold and for sweeps that are due.
    pub(crate) async fn sweeps_once(&self) {
        if let Err(failure) = self.tidy_up().await {
            tracing::warn!(code = %failure.code, %failure, "what ended instances hold could not be freed");
        }
        for kind in [SourceKind::TimeEntry, SourceKind::Expense] {
            if let Err(failure) = self.sweep_if_due(kind).await {
                let kind = store::kind_word(kind);
                tracing::warn!(code = %failure.code, %failure, kind, "the PSA could not be swept");
            }
        }
    }

    /// Frees what instances hold that have ended: a batch, run or reversal that a person took back before its first step.
    ///
    /// # Errors
    /// Failures of the database.
    pub(crate) async fn tidy_up(&self) -> Result<()> {
        let db = &self.services.db;
        for batch in db
            .read(|tx| Box::pin(store::posting::batches_on_their_way(tx)))
            .await?
        {
            if self.has_ended(process::NAME, &batch).await? {
                let lines = db.write(move |tx| {
                    Box::pin(async move {
                        store::posting::give_back_batch(tx, &batch, canonical_model::clock::now()).await
                    })
                });
                let lines = lines.await?;
                tracing::info!(lines, "put lines of an ended batch back into the queue");
                self.services.waiting.notify_one();
            }
        }
        for (line, case) in db.read(|tx| Box::pin(store::reversal::in_hand(tx, 1000))).await? {
            if self.has_ended(reversal::process::NAME, &case).await? {
                let now = canonical_model::clock::now();
                db.write(move |tx| Box::pin(async move { store::reversal::release(tx, line, now).await }))
                    .await?;
                tracing::info!(%line, "let a posted line stand whose reversal has ended");
            }
        }
        for run in db.read(|tx| Box::pin(store::billing::running(tx))).await? {
            if self.has_ended(billing::process::NAME, &run.to_string()).await? {
                db.write(move |tx| {
                    Box::pin(store::billing::end_without_invoice(
                        tx,
                        run,
                        RunState::Dropped,
                        canonical_model::clock::now(),
                    ))
                })
                .await?;
                tracing::info!(%run, "dropped a billing run that has ended");
            }
        }
        Ok(())
    }

    async fn has_ended(&self, process: &str, business_key: &str) -> Result<bool> {
        let found = self.instance(process, business_key).await?;
        Ok(found.is_some_and(|instance| instance.ended_at.is_some()))
    }

    async fn instance(&self, process: &str, business_key: &str) -> Result<Option<InstanceSummary>> {
        let filter = InstanceFilter {
            process: Some(process.to_owned()),
            business_key: Some(business_key.to_owned()),
            ..InstanceFilter::default()
        };
        Ok(self.engine.instances(filter).await?.items.into_iter().next())
    }

    async fn sweep_if_due(&self, kind: SourceKind) -> Result<(), Failure> {
        let (now, settings) = (canonical_model::clock::now(), &self.intake);
        let hours = settings.sweep_interval_hours;
        let due = intake::next_sweep(&self.services.db, &self.psa, kind, hours).await?;
        // The first look at a PSA is the feed's, which begins with everything.
        let Some(due) = due else {
            return intake::note_sweep(&self.services.db, &self.psa, kind, now).await;
        };
        if due > now {
            return Ok(());
        }
        match kind {
            SourceKind::Expense => {
                sweep::recent::<Expense>(&self.services, &self.psa, settings.sweep_days, now).await
            }
            _ => sweep::recent::<TimeEntry>(&self.services, &self.psa, settings.sweep_days, now).await,
        }
    }
}

async fn start_in<S: serde::Serialize + Sync>(
    engine: &Engine<Services>,
    tx: &mut Tx,
    process: &str,
    business_key: &str,
    state: &S,
) -> Result<()> {
    let start = Start {
        process,
        business_key,
        correlation_id: &Uuid::now_v7().to_string(),
        state,
    };
    engine.start_in(tx, start).await.map(|_| ())
}
